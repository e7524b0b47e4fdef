# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""Reading in a process with limits: whatever it does, the caller goes on with one clear error, and nothing is left."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import limited_samples as samples
import pytest

from madm_model.io.frames import InputError
from madm_model.io.limited import LimitedStream, Limits, run_limited


def failure(function, *arguments, **limits) -> str:
    with pytest.raises(InputError) as caught:
        run_limited("/data/bag", function, *arguments, limits=Limits(**limits))
    assert "\n" not in str(caught.value)
    return str(caught.value)


def is_gone(pid: int) -> bool:
    """Whether a process has ended, within a while."""
    for _ in range(400):
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return True
        time.sleep(0.05)
    return False


def test_what_is_yielded_and_returned_comes_back(capfd) -> None:
    with LimitedStream("/data/bag", samples.count, 3) as stream:
        assert [array.tolist() for array in stream] == [[0, 0, 0], [1, 1, 1], [2, 2, 2]]
        assert list(stream) == []
    assert run_limited("/data/bag", samples.take_memory, 1000, limits=Limits(memory_bytes=500_000_000)) == 1000
    captured = capfd.readouterr()
    assert "what a library prints" in captured.err and not captured.out  # a job tells its events there


def test_errors_of_the_work_are_those_of_the_caller(capfd) -> None:
    assert failure(samples.refuse, InputError("the file is bad: make another")) == "the file is bad: make another"
    assert "/data/bag cannot be read (KeyError: 'x')" in failure(samples.refuse, KeyError("x"))
    with pytest.raises(OSError, match="No space left") as caught:
        run_limited("/data/bag", samples.refuse, OSError(28, "No space left on device"))
    assert caught.value.errno == 28


def test_what_stands_still_is_ended_though_it_holds_the_lock(tmp_path) -> None:
    assert "/data/bag: reading stood still for 1 s and was ended" in failure(
        samples.spin_holding_the_lock, tmp_path / "pid", silence_s=1
    )
    assert is_gone(int((tmp_path / "pid").read_text()))


def test_memory_is_bounded() -> None:
    text = failure(samples.take_memory, 1 << 40, memory_bytes=500_000_000)
    assert text == "/data/bag: reading takes more than 500 MB of memory: the recording is damaged"


def test_files_are_bounded_and_none_is_left_when_it_is_killed(tmp_path) -> None:
    sign = tmp_path / "name"
    with pytest.raises(OSError, match="File too large"):
        run_limited("/data/bag", samples.write_file, 8 << 20, sign, limits=Limits(file_bytes=4 << 20))
    assert not Path(sign.read_text()).parent.exists()
    assert "was ended by signal 9: the recording is damaged" in failure(samples.write_file, 1 << 20, sign)
    assert not Path(sign.read_text()).parent.exists()


def test_the_caller_can_stop_it(tmp_path) -> None:
    def stop() -> None:
        if (tmp_path / "pid").exists():
            raise KeyboardInterrupt

    stream = LimitedStream("/data/bag", samples.hang, tmp_path / "pid", on_wait=stop)
    assert next(stream) == 1
    with pytest.raises(KeyboardInterrupt):
        list(stream)
    assert is_gone(int((tmp_path / "pid").read_text()))


@pytest.mark.parametrize("end", ["os.kill(os.getpid(), 9)", "sys.exit(3)"])
def test_it_does_not_outlive_its_caller(tmp_path, end) -> None:
    code = "\n".join(
        [
            f"import os, sys; sys.path[:] = {sys.path!r}",
            "import limited_samples as samples; from pathlib import Path",
            "from madm_model.io.limited import LimitedStream",
            f"stream = LimitedStream('/data/bag', samples.hang, Path({str(tmp_path / 'pid')!r}))",
            f"next(stream); {end}",
        ]
    )
    (tmp_path / "temporary").mkdir()
    environment = os.environ | {"TMPDIR": str(tmp_path / "temporary")}
    status = subprocess.run([sys.executable, "-c", code], env=environment, check=False).returncode
    assert is_gone(int((tmp_path / "pid").read_text()))
    assert status == -9 or not list((tmp_path / "temporary").iterdir())


def test_modules_do_not_come_from_the_working_directory(tmp_path, monkeypatch) -> None:
    (tmp_path / "numpy.py").write_text("raise SystemExit(3)")
    monkeypatch.chdir(tmp_path)
    assert str(tmp_path) not in run_limited("/data/bag", samples.places_of_modules)


def test_a_long_recording_may_take_longer_until_there_is_something_to_tell(tmp_path) -> None:
    for name in ("a.mcap", "b.mcap"):
        with (tmp_path / name).open("wb") as file:
            file.truncate(5_000_000_000)
    whole = Limits.of_recordings([tmp_path, tmp_path / "gone"]).silence_s
    assert whole == Limits().silence_s + 2 * 2500
    with pytest.raises(ValueError, match="above 0"):
        Limits(silence_s=0)
