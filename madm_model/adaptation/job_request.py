"""What a job is asked to do, the folder it works in, and the checks before it starts."""

from __future__ import annotations

import contextlib
import fcntl
import itertools
import json
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from madm_model.adaptation.job_room import check_room
from madm_model.adaptation.job_settings import JobSettings, default_settings, with_options
from madm_model.adaptation.source_frames import SIMULATED_STREETS, labelled_files
from madm_model.adaptation.target_bags import TargetSelection, count_frames
from madm_model.adaptation.target_frames import frame_bytes
from madm_model.io.frames import InputError
from madm_model.modalities import make_preprocessor
from madm_model.model_config import ModelConfig, ModelError
from madm_model.store import BASE, VersionStore, durable

REQUEST_FILE, STATE_FILE = "job.json", "state.json"
_RUNNING_FILE = ".running"

PREPARING, TRAINING, EVALUATING = "preparing", "training", "evaluating"
ACTIVATED, NOT_ACTIVATED, CANCELED, FAILED, INTERRUPTED = (
    *("activated", "not_activated", "canceled", "failed", "interrupted"),
)
RUNNING_STATES = (PREPARING, TRAINING, EVALUATING)
RESUMABLE_STATES = (*RUNNING_STATES, CANCELED, FAILED, INTERRUPTED)

_PROBE_ITERATIONS = 1000


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
    """Folder with images/ and labels/, "sim", or empty for the replay set."""
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
    gpu_memory_share: float = 1.0
    """Share of the GPU's memory the job may take."""
    niceness: int = 10
    """Added to the process's niceness: 19 is the lowest priority."""
    threads: int = 0
    """CPU threads of the training; 0 leaves the choice to PyTorch."""

    def __post_init__(self) -> None:
        if self.iterations < 0 or self.time_budget_s < 0 or not (self.iterations or self.time_budget_s):
            raise ValueError("set a number of iterations, a time budget, or both")
        if not 0 < self.gpu_memory_share <= 1 or not 0 <= self.niceness <= 19 or self.threads < 0:
            raise ValueError("gpu_memory_share must be up to 1, niceness 0 to 19, threads not negative")

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> JobRequest:
        """Read back what `dataclasses.asdict` gave."""
        target = dict(data["target"])
        return cls(**{**data, "target": TargetSelection(**{**target, "bags": tuple(target["bags"])})})


@dataclass(frozen=True)
class JobState:
    """How a job stands; kept in its folder."""

    state: str = PREPARING
    """One of the states named in this module."""
    message: str = ""
    """One sentence for a person."""
    parent: str = ""
    """Version the training started from."""
    iterations: int = 0
    """Optimiser steps decided on; 0 as long as the time budget has not been turned into iterations."""
    new_version: str = ""
    """Version that was written; empty before."""
    report: str = ""
    """Path of the report page; empty before it is written."""
    progress: Mapping[str, Any] = field(default_factory=dict)
    """The last progress event."""


class JobFolder:
    """Everything one job keeps: request, state, frames, checkpoint, report."""

    def __init__(self, store_root: Path, job_id: str) -> None:
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
        for number in itertools.count(1):
            job = cls(store_root, stamp if number == 1 else f"{stamp}-{number}")
            with contextlib.suppress(FileExistsError):
                job.path.mkdir(parents=True)
                break
        return job

    def write_request(self, request: JobRequest) -> None:
        """Keep the request of a new job.

        Raises:
            OSError: the disk is full.
        """
        self.write_state(JobState())
        durable.write_json(self.path / REQUEST_FILE, asdict(request))

    def request(self) -> JobRequest:
        """What the job was asked.

        Raises:
            RequestError: there is no such job, or its folder is damaged.
        """
        try:
            return JobRequest.from_dict(json.loads((self.path / REQUEST_FILE).read_text()))
        except FileNotFoundError:
            jobs = sorted(path.name for path in self.path.parent.glob("[!.]*")) if self.path.parent.is_dir() else []
            raise RequestError(f"there is no job '{self.job_id}': {', '.join(jobs) or 'none was started'}") from None
        except (ValueError, KeyError, TypeError) as error:
            raise RequestError(f"{self.path / REQUEST_FILE} cannot be read: {error}") from None

    def state(self) -> JobState:
        """How the job stands; a damaged file counts as a job that has just begun."""
        try:
            return JobState(**json.loads((self.path / STATE_FILE).read_text()))
        except (OSError, ValueError, TypeError):
            return JobState()

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


@contextlib.contextmanager
def the_one_job(store_root: Path, job_id: str) -> Iterator[None]:
    """Be the only job that runs on a store; the kernel ends this with the process, however that ends.

    Raises:
        RequestError: another job is running; the message names it.
    """
    path = Path(store_root) / "jobs" / _RUNNING_FILE
    with path.open("a+") as file:
        try:
            fcntl.flock(file.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise RequestError(f"job {path.read_text()} is running: wait for its end, or cancel it") from None
        file.truncate(0)
        file.write(job_id)
        file.flush()
        yield


def running_job(store_root: Path) -> str:
    """Id of the job that runs on a store, in whatever process; empty if none does."""
    path = Path(store_root) / "jobs" / _RUNNING_FILE
    with contextlib.suppress(FileNotFoundError), path.open() as file:
        try:
            fcntl.flock(file.fileno(), fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return file.read()
    return ""


def prune_jobs(store: VersionStore, keep: int) -> None:
    """Remove old jobs: all but the newest `keep` and those whose version is still in the store."""
    in_use = {store.info(version).job_id for version in store.read().versions}
    jobs = sorted(path for path in (store.root / "jobs").glob("[!.]*") if path.is_dir())
    for path in jobs[:-keep]:
        if path.name not in in_use:
            shutil.rmtree(path, ignore_errors=True)


def check_request(request: JobRequest, store: VersionStore, bag_roots: Sequence[Path] | None = None) -> JobSettings:
    """Refuse what cannot work, before anything is started. Bags are opened, but no message is read.

    Args:
        request: the job.
        store: where its version will go.
        bag_roots: folders that bags and source must lie in, symbolic links resolved; None allows every path.

    Returns:
        the settings the job would have.

    Raises:
        RequestError: the reason, in one sentence that says what to do.
    """
    try:
        present = store.read()
        config = ModelConfig.load(present.folder)
        _check_modality(request, store, present.versions)
        settings = resolve_settings(request, config, request.iterations or _PROBE_ITERATIONS, on_gpu=False)
        if bag_roots is not None:
            for path in (*request.target.bags, *([] if request.source in SIMULATED_STREETS else [request.source])):
                check_path(Path(path), bag_roots)
        if request.source not in SIMULATED_STREETS:
            labelled_files(Path(request.source))
        frames = count_frames(request.target)
        if frames < settings.limits.min_frames:
            raise RequestError(
                f"the selection has {frames} frames, {settings.limits.min_frames} are needed: name more bags or a "
                "longer time range, or lower the frame stride"
            )
        check_room(store.root, present.folder, frame_bytes(config, settings.limits, [frames]))
    except (InputError, ModelError, ValueError, OSError) as error:
        raise RequestError(str(error)) from None
    return settings


def resolve_settings(request: JobRequest, config: ModelConfig, iterations: int, on_gpu: bool) -> JobSettings:
    """The settings of a job with that many iterations.

    Raises:
        ValueError: an option is unknown or does not fit, or the modality cannot be adapted to.
    """
    make_preprocessor(request.target.modality, request.preprocessing)
    settings = default_settings(config, request.target.modality, iterations, on_gpu)
    return with_options(settings, request.options)


def check_path(path: Path, roots: Sequence[Path]) -> None:
    """Refuse a path outside all roots, however it is written.

    Raises:
        RequestError: it lies outside.
    """
    resolved = path.resolve()
    if not any(resolved.is_relative_to(root.resolve()) for root in roots):
        listed = ", ".join(map(str, roots)) or "none is configured"
        raise RequestError(f"{path} is not under one of the folders allowed by bag_roots ({listed})")


def _check_modality(request: JobRequest, store: VersionStore, versions: Sequence[str]) -> None:
    others = {store.info(version).modality for version in versions if version != BASE} - {request.target.modality}
    if others:
        raise RequestError(
            f"{store.root} holds versions for {', '.join(sorted(others))}: give {request.target.modality} a store of "
            "its own"
        )
