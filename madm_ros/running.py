# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""How the processes of the nodes run and end."""

from __future__ import annotations

import atexit
import contextlib
import os
import signal
import sys
from collections.abc import Iterator
from types import FrameType

import rclpy
from rclpy.exceptions import ParameterException
from rclpy.executors import ExternalShutdownException
from rclpy.node import Node

from madm_model.io.frames import InputError
from madm_model.model_config import ModelError
from madm_model.store import StoreError

_REFUSALS = (ParameterException, InputError, ModelError, StoreError, ValueError, OSError)
"""What says that something given at start cannot be used: the message is for the user, the traceback is for nobody."""

_AGAIN_S = 1.0
"""After which an interrupt that has ended nothing is raised again, seconds."""


@contextlib.contextmanager
def ros_process(program: str, args: list[str] | None) -> Iterator[list[Node]]:
    """A whole process around ROS: `with ros_process("player", args) as nodes: ...` makes nodes and spins.

    SIGINT and SIGTERM end the body, wherever its main thread is, also while it loads weights, and the process with
    status 0. Further ones change nothing: a terminal and ros2 launch may both send them. What cannot be used at start
    is one line on standard error, and status 1.

    Args:
        program: its name, for that line.
        args: of rclpy.init.

    Yields:
        a list for the nodes: they are destroyed at the end, in this order.
    """
    ending = left = ended = False

    def leave() -> None:
        """Cut short the interpreter's end, which takes seconds where torch was loaded: nothing is left to be done."""
        if ended:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(0)

    def end(number: int, frame: FrameType | None) -> None:
        nonlocal ending
        if not ending:
            ending = True
            signal.setitimer(signal.ITIMER_REAL, _AGAIN_S)
            raise KeyboardInterrupt

    def end_again(number: int, frame: FrameType | None) -> None:
        """Raised in a callback or a destructor, an interrupt is lost: another one goes after it."""
        if not left:
            signal.setitimer(signal.ITIMER_REAL, _AGAIN_S)
            raise KeyboardInterrupt

    # Before rclpy's own handlers, which shut the context down and then call these.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, end)
    signal.signal(signal.SIGALRM, end_again)
    atexit.register(leave)  # what is registered later comes before it
    nodes: list[Node] = []
    refusal = ""
    started = False
    try:
        # An interrupt may come at the very end of the body too, when its error is being handled.
        with contextlib.suppress(KeyboardInterrupt):
            try:
                rclpy.init(args=args)
                started = True
                yield nodes
            except ExternalShutdownException:
                pass
            except Exception as error:
                # ROS may be shut down before the handler has run, and a library make something else of the interrupt.
                if not ending and (rclpy.ok() or not started):
                    if not isinstance(error, _REFUSALS):
                        raise
                    refusal = " ".join(f"{program}: {error}".split())
            finally:
                ending = left = True
    finally:
        left = True
        for node in nodes:
            node.destroy_node()
        rclpy.try_shutdown()  # gives the handlers back that were there before rclpy's
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.SIG_IGN)
    if refusal:
        sys.exit(refusal)
    ended = True
