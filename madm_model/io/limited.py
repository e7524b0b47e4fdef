# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""Other people's files, read in a process of its own with limits of time, memory and disk.

Decoders of damaged or hostile files spin (holding the interpreter's lock, so that no thread can stop them), unpack
gigabytes from kilobytes, or crash. Here that ends one small process, and the caller gets one `InputError`.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import pickle
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import traceback
import weakref
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, Generic, TypeVar

from madm_model.io.frames import InputError

_Item = TypeVar("_Item")

_START = "import sys; sys.path[:] = sys.argv[2:]; from madm_model.io.limited import serve; serve(int(sys.argv[1]))"
"""With the caller's places of modules, but not the working directory, in which anything may lie under their names."""
_ENVIRONMENT = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MALLOC_ARENA_MAX": "2"}
_START_S = 60.0
_PERIOD_S = 0.2
_SLOWEST_BYTES_S = 2_000_000
_END_S = 5.0
_MOST_FILES = 4096
"""Open ones; a split bag has many."""
_PR_SET_PDEATHSIG = 1


@dataclass(frozen=True)
class Limits:
    """What reading may take."""

    silence_s: float = 60.0
    """Seconds without anything read, after which it is ended."""
    memory_bytes: int = 2_000_000_000
    """Memory of its own, beside code and mapped files."""
    file_bytes: int = 20_000_000_000
    """Size of each file that it writes."""

    def __post_init__(self) -> None:
        if self.silence_s <= 0 or self.memory_bytes <= 0 or self.file_bytes <= 0:
            raise ValueError("limits of reading have to be above 0")

    @classmethod
    def of_recordings(cls, paths: Iterable[str | Path]) -> Limits:
        """Limits that leave time to look through whole recordings before there is anything to tell."""
        return cls(silence_s=cls.silence_s + sum(_size(Path(path)) for path in paths) / _SLOWEST_BYTES_S)


class LimitedStream(Generic[_Item]):
    """What a generator function yields, called in a process that is ended when a limit is reached.

    The process starts at once and reads ahead by what a pipe holds. It does not outlive the thread that started it, nor
    do its temporary files outlive it.

    Args:
        what: names the files in an error, as the beginning of a sentence.
        function: of a module; what it yields is pickled.
        arguments: its arguments, picklable.
        limits: what the work may take.
        on_wait: called a few times a second while there is nothing to give; may raise to stop the work.

    Raises:
        InputError: while iterating: the function raised it, or anything that a damaged file makes a library raise,
            or a limit was reached, or the process crashed.
        ValueError, OSError: while iterating: the function raised it.
    """

    def __init__(
        self,
        what: str,
        function: Callable[..., Iterable[_Item]],
        *arguments: Any,
        limits: Limits | None = None,
        on_wait: Callable[[], object] = lambda: None,
    ) -> None:
        self._what, self._limits, self._on_wait = what, limits or Limits(), on_wait
        self._patience_s = _START_S
        work = pickle.dumps((what, self._limits)) + pickle.dumps((function, arguments))
        # Removed by the caller, also when the process cannot any more.
        folder = tempfile.mkdtemp(prefix="madm-")
        reading, writing = os.pipe()
        try:
            self._process = subprocess.Popen(
                [
                    sys.executable,
                    "-c",
                    _START,
                    str(writing),
                    *(str(Path(place).absolute()) for place in sys.path if place),
                ],
                stdin=subprocess.PIPE,
                pass_fds=(writing,),
                start_new_session=True,  # Ctrl-C is for the caller
                env=os.environ | _ENVIRONMENT | {"TMPDIR": folder},
            )
        except BaseException:
            os.close(reading)
            shutil.rmtree(folder, ignore_errors=True)
            raise
        finally:
            os.close(writing)
        self._pipe = Connection(reading, writable=False)
        self._end_it = weakref.finalize(self, _end, self._process, self._pipe, folder)  # at exit, at the latest
        assert self._process.stdin is not None
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.write(work)
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.close()

    def __iter__(self) -> Iterator[_Item]:
        return self

    def __next__(self) -> _Item:
        if self._pipe.closed:
            raise StopIteration
        try:
            kind, value = self._receive()
            if kind == "started":
                self._patience_s = self._limits.silence_s
                kind, value = self._receive()
        except BaseException:
            self.close()
            raise
        if kind == "item":
            return value
        self.close()
        if kind == "error":
            raise value
        raise StopIteration

    def __enter__(self) -> LimitedStream[_Item]:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def close(self) -> None:
        """End the process, whatever it does, and remove its temporary files."""
        self._end_it()

    def _receive(self) -> tuple[str, Any]:
        deadline = time.monotonic() + self._patience_s
        while not self._pipe.poll(_PERIOD_S):
            self._on_wait()
            if time.monotonic() > deadline:
                raise InputError(
                    f"{self._what}: reading stood still for {self._patience_s:.0f} s and was ended: the "
                    "recording is damaged"
                )
        try:
            return self._pipe.recv()
        except (EOFError, OSError):
            raise InputError(
                f"{self._what}: the process that read it {self._how_it_ended()}: the recording is damaged"
            ) from None

    def _how_it_ended(self) -> str:
        try:
            status = self._process.wait(_END_S)
        except subprocess.TimeoutExpired:
            return "broke off"
        return f"was ended by signal {-status}" if status < 0 else f"ended with status {status}"


def _end(process: subprocess.Popen[bytes], pipe: Connection, folder: str) -> None:
    pipe.close()
    process.kill()
    process.wait()
    shutil.rmtree(folder, ignore_errors=True)


def run_limited(
    what: str,
    function: Callable[..., _Item],
    *arguments: Any,
    limits: Limits | None = None,
    on_wait: Callable[[], object] = lambda: None,
) -> _Item:
    """What a function returns, called in a process that is ended when a limit is reached; as `LimitedStream`."""
    with LimitedStream(what, _only, function, arguments, limits=limits, on_wait=on_wait) as results:
        return next(results)


def _only(function: Callable[..., _Item], arguments: tuple[Any, ...]) -> Iterator[_Item]:
    yield function(*arguments)


def _size(path: Path) -> int:
    """Bytes of a file, or of a folder's files; 0 for what is not there."""
    try:
        files = list(path.iterdir()) if path.is_dir() else [path]
        return sum(file.stat().st_size for file in files if file.is_file())
    except OSError:
        return 0


# ---- in the process ----


def end_with_parent() -> None:
    """Have the kernel kill this process when the thread that started it ends."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def serve(descriptor: int) -> None:
    """What the process does: one piece of work, told from standard input, its results into a pipe."""
    end_with_parent()
    os.dup2(2, 1)  # what a library prints is no result, whatever the caller's standard output is for
    pipe = Connection(descriptor, readable=False)
    what, limits = pickle.load(sys.stdin.buffer)
    _bound(resource.RLIMIT_CORE, 0)
    _bound(resource.RLIMIT_FSIZE, limits.file_bytes)
    _bound(resource.RLIMIT_DATA, limits.memory_bytes)
    _bound(resource.RLIMIT_NOFILE, _MOST_FILES)
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)  # writing raises then
    try:
        function, arguments = pickle.load(sys.stdin.buffer)
        pipe.send(("started", None))
        for item in function(*arguments):
            pipe.send(("item", item))
    except BrokenPipeError:  # nobody waits for it any more
        return
    except Exception as error:
        pipe.send(("error", _told(error, what, limits)))
    else:
        pipe.send(("end", None))


def _told(error: Exception, what: str, limits: Limits) -> Exception:
    """An error as the caller gets it: of a type that can be pickled."""
    if isinstance(error, InputError):
        return error
    if isinstance(error, OSError):
        return OSError(error.errno, error.strerror, error.filename) if error.errno else OSError(str(error))
    if isinstance(error, ValueError):
        return ValueError(str(error))
    if isinstance(error, MemoryError):
        return InputError(
            f"{what}: reading takes more than {limits.memory_bytes // 1_000_000} MB of memory: the recording is damaged"
        )
    traceback.print_exc()
    return InputError(f"{what} cannot be read ({type(error).__name__}: {error})")


def _bound(kind: int, limit: int) -> None:
    """Set a limit, unless the process has a lower one already."""
    hardest = resource.getrlimit(kind)[1]
    resource.setrlimit(kind, (limit if hardest == resource.RLIM_INFINITY else min(limit, hardest), hardest))
