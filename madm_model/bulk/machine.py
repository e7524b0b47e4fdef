# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""Tasks on the cores or GPUs of one machine: a process each, which one recording after another uses."""

from __future__ import annotations

import multiprocessing
import os
import queue
import signal
import threading
from collections.abc import Iterator, Sequence
from multiprocessing.connection import Connection

from madm_model.bulk.task import Outcome, SegmentTask, run_task
from madm_model.io.limited import end_with_parent

_END_S = 5.0
"""Which processes have to end, seconds."""


def run_on_machine(tasks: Sequence[SegmentTask], devices: Sequence[str], threads: int) -> Iterator[Outcome]:
    """Run tasks in processes; one that crashes or cannot be started fails its task alone.

    Args:
        tasks: not done.
        devices: of the processes, one each.
        threads: of a process on a CPU.

    Yields:
        what became of each task, in the order in which they end.
    """
    left: queue.SimpleQueue[SegmentTask] = queue.SimpleQueue()
    for task in tasks:
        left.put(task)
    ended: queue.SimpleQueue[Outcome] = queue.SimpleQueue()
    workers = [_Worker(device, threads) for device in devices[: len(tasks)]]
    keepers = [threading.Thread(target=worker.keep_busy, args=(left, ended), daemon=True) for worker in workers]
    for keeper in keepers:
        keeper.start()
    try:
        for _ in tasks:
            yield ended.get()
    finally:
        while not left.empty():  # where it is interrupted
            left.get()
        for worker in workers:
            worker.close()
        for keeper in keepers:
            keeper.join(_END_S)


class _Worker:
    """A process that runs tasks, started when there is one and again after a crash.

    Args:
        device: where its network runs.
        threads: as of `run_on_machine`.
    """

    def __init__(self, device: str, threads: int) -> None:
        self._device, self._threads = device, threads
        self._process: multiprocessing.process.BaseProcess | None = None
        self._pipe: Connection | None = None
        self._closed = threading.Event()

    def keep_busy(self, left: queue.SimpleQueue[SegmentTask], ended: queue.SimpleQueue[Outcome]) -> None:
        """Take tasks until none is left; what becomes of each is put into `ended`."""
        while not self._closed.is_set():
            try:
                task = left.get_nowait()
            except queue.Empty:
                break
            ended.put(self._run(task))
        self.close()

    def close(self) -> None:
        """End the process; a task in work fails."""
        self._closed.set()
        process = self._process
        if process is not None:
            process.terminate()
            process.join()

    def _run(self, task: SegmentTask) -> Outcome:
        try:
            if self._process is None:
                self._start()
        except OSError as error:
            return Outcome(
                task, failure=f"its process cannot be started ({error}): give it less to do at once, --workers 1"
            )
        try:
            self._pipe.send(task)
            return self._pipe.recv()
        except (EOFError, OSError):
            self._process.join()
            code, self._process = self._process.exitcode, None
            how = f"was ended by {signal.Signals(-code).name}" if code < 0 else f"ended with status {code}"
            advice = ": give it less to do at once, --workers 1" if code == -signal.SIGKILL else ""
            return Outcome(task, failure=f"its process {how}{advice}")

    def _start(self) -> None:
        spawn = multiprocessing.get_context("spawn")
        self._pipe, theirs = spawn.Pipe()
        with theirs:
            process = spawn.Process(target=_serve, args=(theirs, self._device, self._threads), daemon=True)
            process.start()
        self._process = process


def _serve(pipe: Connection, device: str, threads: int) -> None:
    """What a process does, for as long as who started it runs."""
    end_with_parent()
    if not multiprocessing.parent_process().is_alive():  # ended before that
        return
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for who started it
    os.environ["OMP_NUM_THREADS"] = str(threads)  # PyTorch reads it when the first task imports it
    while True:
        try:
            task = pipe.recv()
        except EOFError:
            return
        pipe.send(run_task(task, device))
