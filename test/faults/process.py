# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""A loop of faults in a process of its own: one that crashes or hangs is a loss, and the others go on."""

from __future__ import annotations

import contextlib
import logging
import os
import signal
from importlib import import_module
from multiprocessing import get_context
from multiprocessing.connection import Connection

from faults.report import Tally, describe

STALLED_S = 1800.0
"""A loop in which no fault is done for so long is ended."""


def run_loop(module: str, seed: int, count: int) -> Tally:
    """Run the loop of a module; however it ends, what it had tried by then counts.

    Args:
        module: its name; it has a function `run(seed, count) -> Tally`.
        seed: of the loop.
        count: faults that it is to make.
    """
    context = get_context("spawn")
    receiver, sender = context.Pipe(duplex=False)
    child = context.Process(target=_run, args=(sender, module, seed, count))
    child.start()
    sender.close()
    tally, broken = Tally(module.rpartition(".")[2]), None
    try:
        while broken is None and receiver.poll(STALLED_S):
            tally, broken = receiver.recv()
        if broken is None:
            broken = f"no fault was done for {STALLED_S:g} s"
    except EOFError:
        child.join()
        broken = f"its process ended with exit code {child.exitcode}"
    finally:
        if broken != "":
            child.kill()
        child.join()
        with contextlib.suppress(ProcessLookupError):  # what it had started, such as writers that it was to kill
            os.killpg(child.pid, signal.SIGKILL)
        receiver.close()
    if broken:
        tally.tried += 1
        tally.lost.append(f"the loop broke off, seed {seed}, fault {tally.tried - 1}: {broken}")
    return tally


def _run(sender: Connection, module: str, seed: int, count: int) -> None:
    """Send the tally and None after every fault, and at the end what the loop broke off with, empty if it is done."""
    os.setpgid(0, 0)
    logging.disable(logging.ERROR)  # warnings are what is expected
    latest = Tally(module.rpartition(".")[2])

    def keep(tally: Tally) -> None:
        nonlocal latest
        latest = tally
        sender.send((tally, None))

    Tally.on_fault = keep
    try:
        latest, broken = import_module(module).run(seed, count), ""
    except Exception as error:
        broken = describe(error)
    sender.send((latest, broken))
