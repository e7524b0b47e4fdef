# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""What the stages of one job have in common."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from madm_model.jobs.events import Emit, JobEvents
from madm_model.jobs.request import JobFolder, JobRequest
from madm_model.store import VersionStore


@dataclass(frozen=True)
class JobContext:
    """A job's request, the places it works in, and its connection to the world."""

    folder: JobFolder
    """Keeps everything of this job."""
    request: JobRequest
    """What it was asked."""
    store: VersionStore
    """Where its version goes."""
    events: JobEvents
    """Told what happens; asked whether to stop."""

    @classmethod
    def find(cls, store_root: Path, job_id: str, emit: Emit, should_stop: Callable[[], bool]) -> JobContext:
        """The job of that id.

        Args:
            store_root: the store's folder.
            job_id: the job.
            emit: gets every event.
            should_stop: whether someone asked the job to stop.

        Raises:
            RequestError: there is no such job.
        """
        folder = JobFolder(store_root, job_id)
        request = folder.request()
        store = VersionStore(store_root, Path(request.base), request.keep)
        return cls(folder, request, store, JobEvents(folder, emit, should_stop))

    @property
    def target_folder(self) -> Path:
        """The target's frames on disk."""
        return self.folder.path / "target"

    @property
    def teacher_folder(self) -> Path:
        """The adapted model, while a student learns from it."""
        return self.folder.path / "teacher"

    @property
    def labels_folder(self) -> Path:
        """What the teacher says about the target's frames."""
        return self.folder.path / "labels"

    @property
    def earlier_folder(self) -> Path:
        """Weights on the way, in case the last ones do not pass the gate."""
        return self.folder.path / "earlier"

    @property
    def time_limit_s(self) -> float:
        """Seconds of training at most, whatever was estimated."""
        return min(self.request.time_budget_s or math.inf, self.request.max_days * 86_400)
