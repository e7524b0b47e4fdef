# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""Whether a job may start: what is refused is told at once, what takes longer to see is left to the job."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from concurrent.futures import TimeoutError as Unfinished
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from madm_model.jobs.check import check_cost, check_files, check_paths, check_settings
from madm_model.jobs.request import JobFolder, JobRequest
from madm_model.jobs.state import State
from madm_model.store import VersionStore

_CHECK_S = 0.06
"""How long a request is checked before it is answered; what takes longer is checked by the job."""


@dataclass(frozen=True)
class Admitted:
    """A job that may start."""

    folder: JobFolder
    """Its folder, empty for a new one."""
    message: str
    """What there is to say."""
    write: Callable[[], object]
    """Writes what the job's process is to find in the folder; the disk may be slow."""


def admit(request: JobRequest, store: VersionStore) -> Admitted:
    """Check a request, and make its folder.

    Raises:
        RequestError: it is refused.
        OSError: the store cannot be written.
    """
    settings = check_settings(request, store)
    message = f"accepted: {check_cost(request, store, settings)}"
    if request.iterations and (too_little := settings.gate.too_little(request.iterations)):
        message += f"; {too_little}, so the version is only kept"
    try:
        _in_background(check_files, request).result(_CHECK_S)
    except (Unfinished, TimeoutError):
        message += "; its files are still being looked for"
    folder = JobFolder.reserve(store.root)
    return Admitted(folder, message, partial(folder.write_request, request))


def admit_again(job_id: str, store: VersionStore, bag_roots: Sequence[Path]) -> Admitted:
    """Check whether a job that was interrupted can go on.

    Raises:
        RequestError: it cannot.
    """
    folder = JobFolder(store.root, job_id)
    request = replace(folder.request(), bag_roots=tuple(map(str, bag_roots)))  # those of today
    check_paths(request, bag_roots)
    folder.check_resumable(store.read().versions)

    def write() -> None:
        folder.write_request(request, replace(folder.state(), state=State.PREPARING))

    return Admitted(folder, f"resuming job {job_id}", write)


def _in_background(work: Callable[..., object], *arguments: object) -> Future[object]:
    """Do something in a thread of its own, for which neither a further one nor the end of this process waits."""
    future: Future[object] = Future()

    def run() -> None:
        try:
            future.set_result(work(*arguments))
        except Exception as error:
            future.set_exception(error)

    threading.Thread(target=run, daemon=True).start()
    return future
