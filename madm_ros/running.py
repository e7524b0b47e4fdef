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
import threading
from collections.abc import Iterator
from types import FrameType

import rclpy
from rclpy.exceptions import ParameterException
from rclpy.executors import ExternalShutdownException
from rclpy.logging import LoggingSeverity
from rclpy.node import Node

from madm_model.io.frames import InputError
from madm_model.model_config import ModelError
from madm_model.store import StoreError

REFUSALS = (ParameterException, InputError, ModelError, StoreError, ValueError, OSError)
"""What says that something given at start cannot be used: the message is for the user, the traceback is for nobody."""

_AGAIN_S = 1.0
"""After which an interrupt that has ended nothing is raised again, seconds."""
_CLEAN_UP_S = 3.0
"""Which nodes have to end where they cannot be waited for longer, seconds."""
_SOON_S = 0.01
"""After which one is raised that came where nothing would have caught it, seconds."""


@contextlib.contextmanager
def _main_thread_woken() -> Iterator[None]:
    """Let every signal interrupt what the main thread waits for in C.

    The system gives a signal of the process to any of its threads (ROS and torch have many), and Python's handlers run
    in the main thread only: while that sleeps, it would not learn of it.
    """
    main = threading.main_thread().ident
    read_end, write_end = os.pipe()
    os.set_blocking(write_end, False)

    def wake() -> None:
        while numbers := os.read(read_end, 64):
            if set(numbers) != {signal.SIGURG}:
                signal.pthread_kill(main, signal.SIGURG)

    woken = threading.Thread(target=wake, daemon=True)
    previous_handler = signal.signal(signal.SIGURG, lambda number, frame: None)
    previous_fd = signal.set_wakeup_fd(write_end, warn_on_full_buffer=False)
    woken.start()
    try:
        yield
    finally:
        signal.set_wakeup_fd(previous_fd)
        os.close(write_end)  # which ends the thread
        woken.join()
        signal.signal(signal.SIGURG, previous_handler)
        os.close(read_end)


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
    signalled = left = ended = False
    nodes: list[Node] = []

    def leave() -> None:
        """Cut short the interpreter's end, which takes seconds where torch was loaded: nothing is left to be done."""
        if ended:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(0)

    def clean_up() -> None:
        nonlocal left
        left = True
        try:
            for node in nodes:
                node.destroy_node()
            rclpy.try_shutdown()  # gives the handlers back that were there before rclpy's
        except Exception:
            if not signalled:  # else what was interrupted is half made
                raise
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.SIG_IGN)

    def end(number: int, frame: FrameType | None) -> None:
        """Interrupt the body; one that was lost in a callback or a destructor goes again after a while."""
        nonlocal signalled, ended
        if left or (signalled and number != signal.SIGALRM):
            return
        if not signalled:
            signalled = True
            # What an interrupt leaves broken (a library half imported, an object half made) is no news to anyone.
            rclpy.logging.set_logger_level("", LoggingSeverity.FATAL)
            sys.unraisablehook = threading.excepthook = lambda unraisable: None
        if _imports(frame):  # libraries in C++ abort, or make something else of it
            waits = threading.Timer(_CLEAN_UP_S, os._exit, (0,))  # a node's thread may want that module, too
            waits.daemon = True
            waits.start()
            clean_up()
            ended = True
            leave()
        # On the way from the body to its handlers below, an interrupt would miss them.
        on_the_way = frame is not None and frame.f_code.co_filename == contextlib.__file__
        signal.setitimer(signal.ITIMER_REAL, _SOON_S if on_the_way else _AGAIN_S)
        if not on_the_way:
            raise KeyboardInterrupt

    # Before rclpy's own handlers, which shut the context down and then call these.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGALRM):
        signal.signal(number, end)
    atexit.register(leave)  # what is registered later comes before it
    refusal = ""
    started = False
    try:
        # An interrupt may come at the very end of the body too, when its error is being handled.
        with contextlib.suppress(KeyboardInterrupt), _main_thread_woken():
            try:
                rclpy.init(args=args)
                started = True
                yield nodes
            except ExternalShutdownException:
                pass
            except Exception as error:
                # ROS may be shut down before the handler has run, and a library make something else of the interrupt.
                if not signalled and (rclpy.ok() or not started):
                    if not isinstance(error, REFUSALS) and not _tells_of_security(error):
                        raise
                    refusal = " ".join(f"{program}: {error}".split())
            finally:
                left = True
    finally:
        clean_up()
    if refusal:
        sys.exit(refusal)
    ended = True


def _tells_of_security(error: Exception) -> bool:
    """Whether ROS_SECURITY_* keeps ROS from starting: an enclave is missing, or the middleware knows no security."""
    return (
        isinstance(error, RuntimeError) and "security" in str(error).lower() and bool(os.getenv("ROS_SECURITY_ENABLE"))
    )


def _imports(frame: FrameType | None) -> bool:
    """Whether a module is being imported there."""
    while frame is not None:
        if frame.f_code.co_filename.startswith("<frozen importlib"):
            return True
        frame = frame.f_back
    return False
