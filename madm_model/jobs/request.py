# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""What a job is asked to do, and the folder it works in."""

from __future__ import annotations

import contextlib
import itertools
import json
import math
import re
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from madm_model.adaptation.data.source_shares import parse_sources
from madm_model.adaptation.data.target_bags import TargetSelection
from madm_model.io import durable
from madm_model.io.frames import InputError
from madm_model.jobs.state import JobState
from madm_model.store import VersionStore

REQUEST_FILE, STATE_FILE = "job.json", "state.json"

_ID = re.compile(r"\d{8}-\d{6}(-\d{1,9})?")


class RequestError(InputError):
    """A job is refused; the message says why."""


@dataclass(frozen=True)
class JobRequest:
    """One adaptation, as the service, the action and the command line ask for it."""

    target: TargetSelection
    """Bags and frames of the sensor to learn."""
    iterations: int = 0
    """Optimiser steps; 0: as many as fit into the time budget."""
    time_budget_s: float = 0.0
    """Seconds of training at most; 0 for no limit."""
    source: str = ""
    """Labelled sources as `parse_sources` reads them: folders with images/ and labels/, "sim", "sim-sensor" or
    "replay", with their shares; empty for half of each of the last two."""
    options: Mapping[str, str] = field(default_factory=dict)
    """Settings by their dotted name (`job_settings.with_options`)."""
    preprocessing: Mapping[str, Any] = field(default_factory=dict)
    """Settings of the modality, as of the running node."""
    base: str = ""
    """Model folder the store is based on."""
    keep: int = 5
    """Versions the store keeps."""
    device: str = "auto"
    """Where to train."""
    precision: str = "auto"
    """Number format that versions segment in, which the gate judges them in; training has its own option."""
    runtime: str = "auto"
    """What runs versions, which the gate judges them in."""
    gpu_memory_share: float = 1.0
    """Share of the GPU's memory the job may take."""
    niceness: int = 10
    """Added to the process's niceness: 19 is the lowest priority."""
    threads: int = 0
    """CPU threads of the training; 0 leaves the choice to PyTorch."""
    bag_roots: tuple[str, ...] | None = None
    """Folders that bags and source must lie in, symbolic links resolved; None allows every path."""
    max_days: float = 7.0
    """A job that would train for longer is refused."""
    auto_activate: bool = True
    """Whether a version that passes the gate becomes the active one; otherwise it is only kept."""
    student: str = ""
    """Student that is distilled where the options name none, as `JobSettings.student`."""
    labelled_target: str = ""
    """Folder of labelled frames of the target, as `JobSettings.labelled_target`; options must not change one that is
    named here."""
    gate: Mapping[str, Any] | None = None
    """Limits of the gate, fields of GateConfig, that options must not change; None leaves them to the options."""

    def __post_init__(self) -> None:
        if self.iterations < 0 or self.time_budget_s < 0 or not (self.iterations or self.time_budget_s):
            raise ValueError("set a number of iterations, a time budget, or both")
        parse_sources(self.source)
        if not math.isfinite(self.time_budget_s):
            raise ValueError("the time budget has to be a finite number of seconds")
        if not self.max_days > 0:
            raise ValueError("max_days must be above 0")
        if not 0 < self.gpu_memory_share <= 1 or not 0 <= self.niceness <= 19 or self.threads < 0:
            raise ValueError("gpu_memory_share must be up to 1, niceness 0 to 19, threads not negative")

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> JobRequest:
        """Read back what `dataclasses.asdict` gave."""
        target = TargetSelection(**{**data["target"], "bags": tuple(data["target"]["bags"])})
        roots = data.get("bag_roots")
        return cls(**{**data, "target": target, "bag_roots": roots if roots is None else tuple(roots)})


class JobFolder:
    """Everything one job keeps: request, state, frames, checkpoint, report.

    Raises:
        RequestError: the id is no name of a folder, but a path.
    """

    def __init__(self, store_root: Path, job_id: str) -> None:
        if Path(job_id).name != job_id or job_id[:1] in ("", "."):
            raise RequestError(f"there is no job '{job_id}': a job's id is like 20260131-120000")
        self.job_id, self.path = job_id, Path(store_root) / "jobs" / job_id

    @classmethod
    def create(cls, store_root: Path, request: JobRequest) -> JobFolder:
        """Make the folder of a new job, and keep its request.

        Raises:
            OSError: it cannot be written.
        """
        job = cls.reserve(store_root)
        job.write_request(request)
        return job

    @classmethod
    def reserve(cls, store_root: Path) -> JobFolder:
        """Make the empty folder of a new job, under a name of its own.

        Raises:
            OSError: it cannot be made.
        """
        stamp = datetime.now(timezone.utc).strftime("%Y%m%d-%H%M%S")
        names = (path.name for path in (Path(store_root) / "jobs").glob("[!.]*/") if _ID.fullmatch(path.name))
        latest, last = max(map(_order, names), default=("", 0))
        if stamp > latest:
            latest, last = stamp, 0
        for number in itertools.count(last + 1):  # a clock that was set back does not make it an old job
            job = cls(store_root, latest if number == 1 else f"{latest}-{number}")
            with contextlib.suppress(FileExistsError):
                durable.private_folder(job.path.parent)
                job.path.mkdir(mode=0o700)
                break
        return job

    def write_request(self, request: JobRequest, state: JobState | None = None) -> None:
        """Keep the request of a job.

        Args:
            request: what it was asked.
            state: how it stands; None for a new one.

        Raises:
            OSError: the disk is full.
        """
        self.write_state(state or JobState())
        durable.write_json(self.path / REQUEST_FILE, asdict(request))

    def request(self) -> JobRequest:
        """What the job was asked.

        Raises:
            RequestError: there is no such job, or its folder is damaged.
        """
        try:
            return JobRequest.from_dict(json.loads((self.path / REQUEST_FILE).read_text()))
        except FileNotFoundError:
            jobs = ", ".join(job_ids(self.path.parent.parent))
            there = f"this store has {jobs}" if jobs else "none was started on this store"
            raise RequestError(f"there is no job '{self.job_id}': {there}") from None
        except (ValueError, KeyError, TypeError) as error:
            raise RequestError(f"{self.path / REQUEST_FILE} cannot be read: {error}") from None

    def state(self) -> JobState:
        """How the job stands; a damaged file counts as a job that has just begun."""
        try:
            return JobState.from_dict(json.loads((self.path / STATE_FILE).read_text()))
        except (OSError, ValueError, TypeError):
            return JobState()

    def check_resumable(self, versions: Sequence[str] = ()) -> None:
        """Refuse a job that the gate has judged, or whose training has nothing to start from.

        Args:
            versions: of the store.

        Raises:
            RequestError: it has ended so, or the version that it started from is gone.
        """
        kept = self.state()
        if not kept.state.is_resumable:
            raise RequestError(f"job {self.job_id} has ended ({kept.state}): start a new one")
        parent = kept.parent
        if parent and versions and parent not in versions:
            raise RequestError(
                f"job {self.job_id} started from version {parent}, which is not in the store any more: start a new job"
            )

    def write_state(self, state: JobState) -> None:
        """Keep a state.

        Raises:
            OSError: the disk is full.
        """
        durable.write_json(self.path / STATE_FILE, asdict(state))

    def update(self, **changes: Any) -> JobState:
        """Keep the state with some fields changed."""
        state = replace(self.state(), **changes)
        self.write_state(state)
        return state


def job_ids(store_root: Path) -> list[str]:
    """Ids of the jobs of a store, oldest first; a folder whose request could not be written is none."""
    return sorted((path.parent.name for path in (Path(store_root) / "jobs").glob(f"[!.]*/{REQUEST_FILE}")), key=_order)


def _order(job_id: str) -> tuple[str, int]:
    """What sorts ids by creation: the time that is in it, and the number beside it."""
    number = job_id[16:]
    return job_id[:15], int(number) if number.isdecimal() else 1


def prune_jobs(store: VersionStore, keep: int, running: str = "") -> None:
    """Remove old jobs: all but the newest `keep`, the running one, and those whose version is still in the store.

    To be called by the running job: no other one is being made then, and a folder without a request is left over.
    """
    in_use = {store.info(version).job_id for version in store.read().versions}
    jobs = job_ids(store.root)
    kept = in_use.union(jobs[-keep:], [running])
    for folder in (store.root / "jobs").glob("[!.]*/"):
        if folder.name not in kept:
            shutil.rmtree(folder, ignore_errors=True)
