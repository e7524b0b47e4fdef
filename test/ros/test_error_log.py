from __future__ import annotations

from madm_ros.error_log import REPEAT_AFTER_S, ErrorLog


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def test_a_kind_is_logged_once_until_time_has_passed() -> None:
    clock, lines = Clock(), []
    errors = ErrorLog(lines.append, clock)
    errors.report("data has 10 bytes, 20 are needed")
    errors.report("data has 12 bytes, 20 are needed")
    errors.report("encoding 'yuv' is not supported")
    assert lines == ["data has 10 bytes, 20 are needed", "encoding 'yuv' is not supported"]
    clock.now += REPEAT_AFTER_S
    errors.report("data has 14 bytes, 20 are needed")
    assert lines[2:] == ["data has 14 bytes, 20 are needed"]
    assert errors.count == 4


def test_alternating_kinds_do_not_defeat_the_throttle() -> None:
    clock, lines = Clock(), []
    errors = ErrorLog(lines.append, clock)
    for _ in range(50):
        errors.report("first")
        errors.report("second")
        clock.now += 0.01
    assert lines == ["first", "second"]


def test_the_last_error_is_forgotten_after_a_while() -> None:
    clock = Clock()
    errors = ErrorLog(lambda line: None, clock)
    assert errors.recent() == ""
    errors.report("broken")
    assert errors.recent() == "broken"
    clock.now += REPEAT_AFTER_S + 0.1
    assert errors.recent() == ""
