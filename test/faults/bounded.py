# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""Calls that may hang, crash or eat memory: made in a child process that ends with them."""

from __future__ import annotations

import logging
import resource
from collections.abc import Callable, Iterable
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from faults.report import Tally, describe

PRELOADED = [
    "numpy",
    "cv2",
    "torch",
    "madm_model.events.files",
    "madm_model.adaptation.data.target_bags",
    "madm_model.modalities",
    "madm_model.checkpoint.model_folder",
]
"""What the children have imported already."""


class NotSurvived(Exception):
    """A call ended otherwise than by returning or by an error that was expected; the message says how."""


def call_each(
    name: str,
    faults: Iterable[tuple[str, Callable[..., object], tuple[Any, ...]]],
    refusals: tuple[type[Exception], ...],
    seconds: float = 30,
    memory_mb: int = 1024,
) -> Tally:
    """Call what each fault has to leave alive, without its log: losses are what is expected.

    Args:
        name: of the loop.
        faults: each in words, with a function and its arguments.
        refusals, seconds, memory_mb: as of `call`.
    """
    tally = Tally(name)
    for what, function, arguments in faults:
        with tally.fault(what):
            call(_quietly, function, *arguments, refusals=refusals, seconds=seconds, memory_mb=memory_mb)
    return tally


def _quietly(function: Callable[..., object], *arguments: Any) -> None:
    logging.disable()
    function(*arguments)


def call(
    function: Callable[..., object],
    *arguments: Any,
    refusals: tuple[type[Exception], ...] = (),
    seconds: float = 60,
    memory_mb: int = 2048,
) -> str:
    """Call a function of a module in a child.

    Args:
        function: importable by name; what it returns is dropped.
        arguments: picklable.
        refusals: errors that are an answer, such as `InputError`.
        seconds: the child is killed after so long.
        memory_mb: what it may take beyond what it has when it starts.

    Returns:
        the text of the refusal; empty if the function returned.

    Raises:
        NotSurvived: another error, a crash, too much time or memory.
    """
    context = get_context("forkserver")
    context.set_forkserver_preload(PRELOADED)
    receiver, sender = context.Pipe(duplex=False)
    child = context.Process(target=_call, args=(sender, function, arguments, refusals, memory_mb), daemon=True)
    child.start()
    sender.close()
    try:
        if not receiver.poll(seconds):
            raise NotSurvived(f"not done after {seconds:g} s")
        survived, text = receiver.recv()
    except EOFError:
        child.join()
        raise NotSurvived(f"the process ended with exit code {child.exitcode}") from None
    finally:
        child.kill()
        child.join()
        receiver.close()
    if not survived:
        raise NotSurvived(text)
    return text


def _call(
    sender: Connection,
    function: Callable[..., object],
    arguments: tuple[Any, ...],
    refusals: tuple[type[Exception], ...],
    memory_mb: int,
) -> None:
    taken = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (taken + (memory_mb << 20),) * 2)
    try:
        function(*arguments)
    except refusals as error:
        sender.send((True, str(error)))
    except BaseException as error:
        sender.send((False, describe(error)))
    else:
        sender.send((True, ""))
