# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""How processes end: by signals at any time, and by what cannot be used at start."""

from __future__ import annotations

import signal
import subprocess
import sys

import pytest

pytest.importorskip("rclpy", reason="ROS 2's rclpy is not installed")

from ros_helpers import wait_until

_PROGRAM = """
import os, signal, time, rclpy
from madm_ros.running import ros_process

signal.signal(signal.SIGINT, signal.default_int_handler)  # jobs in a shell's background are born without

class Stubborn:
    def destroy_node(self):
        os.kill(os.getpid(), number)
        time.sleep(0.1)
        print("cleaned up")

with ros_process("program", []) as nodes:
    nodes.append(Stubborn())
    {body}
print("over")
"""


def _run(body: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", _PROGRAM.format(body=body)], capture_output=True, text=True, timeout=60, check=False
    )


@pytest.mark.parametrize("number", ["SIGTERM", "SIGINT"])
def test_a_signal_ends_what_goes_on_and_a_second_one_changes_nothing(number: str) -> None:
    ended = _run(f"number = signal.{number}; os.kill(os.getpid(), number); time.sleep(60); print('never')")
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "cleaned up\nover\n", "")


def test_a_signal_that_another_thread_takes_wakes_the_main_thread() -> None:
    body = """number = signal.SIGTERM
    import threading
    woken = lambda: time.sleep(0.5) or signal.pthread_kill(threading.get_ident(), number) or time.sleep(60)
    threading.Thread(target=woken, daemon=True).start()
    time.sleep(60); print('never')"""
    ended = _run(body)
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "cleaned up\nover\n", "")


def test_an_interrupt_that_a_library_turns_into_an_error_ends_without_a_traceback() -> None:
    body = """number = signal.SIGTERM
    try:
        os.kill(os.getpid(), number); time.sleep(60)
    except KeyboardInterrupt:
        raise RuntimeError("the import failed")"""
    ended = _run(body)
    assert (ended.returncode, ended.stderr) == (0, "")


def test_a_signal_while_a_library_is_imported_does_not_go_through_it(tmp_path) -> None:
    (tmp_path / "fragile.py").write_text(
        "import os, signal, time\n"
        "try:\n    os.kill(os.getpid(), signal.SIGTERM); time.sleep(60)\n"
        "except BaseException:\n    os.abort()\n"
    )
    ended = _run(f"number = signal.SIGTERM; import sys; sys.path.insert(0, {str(tmp_path)!r}); import fragile")
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "cleaned up\n", "")


def test_a_node_that_is_half_made_is_no_error(tmp_path) -> None:
    body = """number = signal.SIGTERM
    class HalfMade(rclpy.node.Node):
        def __init__(self):
            super().__init__("half_made")
            os.kill(os.getpid(), number); time.sleep(60)
            self.whole = True
        def destroy_node(self):
            self.whole = self.whole and super().destroy_node()
    nodes.append(HalfMade())"""
    ended = _run(body)
    assert (ended.returncode, ended.stderr) == (0, "")


def test_a_signal_while_the_body_is_being_left_ends_without_a_traceback() -> None:
    body = """number = signal.SIGTERM
    import contextlib
    leave = contextlib._GeneratorContextManager.__exit__
    def signalled(self, *what):
        os.kill(os.getpid(), number)
        return leave(self, *what)
    # as if the signal came in contextlib's own lines
    signalled.__code__ = signalled.__code__.replace(co_filename=contextlib.__file__)
    contextlib._GeneratorContextManager.__exit__ = signalled
    rclpy.shutdown()
    raise RuntimeError("the context is invalid")"""
    ended = _run(body)
    assert (ended.returncode, ended.stderr) == (0, "")


def test_what_an_interrupt_leaves_broken_is_not_told() -> None:
    body = """number = signal.SIGTERM
    node = rclpy.create_node("left_broken")
    class HalfMade:
        def __del__(self):
            self.never_set
    try:
        os.kill(os.getpid(), number); time.sleep(60)
    except KeyboardInterrupt:
        node.get_logger().error("the import failed"); HalfMade()"""
    ended = _run(body)
    assert (ended.returncode, ended.stderr) == (0, "")


def test_what_fails_since_ros_was_shut_down_is_no_error() -> None:
    ended = _run("number = signal.SIGTERM; rclpy.shutdown(); raise RuntimeError('the context is invalid')")
    assert (ended.returncode, ended.stderr) == (0, "")


def test_what_cannot_be_used_at_start_is_one_line() -> None:
    ended = _run("number = 0; raise ValueError('the range is empty:\\nset another')")
    assert (ended.returncode, ended.stderr) == (1, "program: the range is empty: set another\n")


def test_an_enclave_that_is_not_there_is_one_line(tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("ROS_SECURITY_ENABLE", "true")
    monkeypatch.setenv("ROS_SECURITY_STRATEGY", "Enforce")
    monkeypatch.setenv("ROS_SECURITY_KEYSTORE", str(tmp_path))
    ended = _run("print('never')")
    assert (ended.returncode, ended.stdout) == (1, "")
    (line,) = ended.stderr.splitlines()
    assert line.startswith("program: ") and str(tmp_path) in line


def test_a_fault_of_the_program_keeps_its_traceback() -> None:
    ended = _run("number = 0; raise KeyError('fault')")
    assert ended.returncode == 1
    assert "Traceback" in ended.stderr


def test_a_node_ends_while_it_loads(peer) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "madm_ros.segmentation.node", "--ros-args", "-r", "__node:=loading"],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        wait_until(lambda: "loading" in peer.node.get_node_names(), "the node", 60)
        process.send_signal(signal.SIGTERM)
        said, _ = process.communicate(timeout=30)
    finally:
        process.kill()
    assert (process.returncode, said) == (0, "")
