# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.

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


def test_long_texts_are_cut() -> None:
    lines = []
    errors = ErrorLog(lines.append, Clock())
    errors.report(f"encoding '{'x' * 1_000_000}' is not supported")
    assert len(lines[0]) == len(errors.recent()) == 500
    assert lines[0].startswith("encoding 'xxx")
    errors.report(f"encoding '{'x' * 1_000_001}' is not supported")
    assert len(lines) == 1


def test_texts_that_are_ever_new_do_not_fill_the_log() -> None:
    clock, lines = Clock(), []
    errors = ErrorLog(lines.append, clock)
    for number in range(5000):
        errors.report(f"encoding '{'abcdefghij'[number % 10] * (number // 10)}' is not supported")
    assert len(lines) == 21
    assert "errors of many kinds" in lines[-1]
    assert errors.count == 5000
    clock.now += REPEAT_AFTER_S
    errors.report("encoding 'yuv' is not supported")
    assert lines[21:] == ["encoding 'yuv' is not supported"]
