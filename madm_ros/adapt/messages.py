# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""Between madm_msgs and the adaptation's own data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any
from urllib.parse import unquote, urlparse

from builtin_interfaces.msg import Duration
from diagnostic_msgs.msg import KeyValue
from madm_msgs.msg import AdaptJob, AdaptProgress, AdaptStatus

from madm_model.adaptation.data.source_shares import with_folders
from madm_model.adaptation.data.target_bags import TargetSelection
from madm_model.jobs.request import JobRequest
from madm_model.jobs.state import State
from madm_model.store import Snapshot
from madm_ros.adapt.standing import Standing

STATES: dict[State, int] = {state: getattr(AdaptStatus, f"STATE_{state.name}") for state in State}
"""A job's state and its number in AdaptStatus."""

_LOSSES = {
    "source_segmentation": "loss_source",
    "target_segmentation": "loss_target",
    "source_regression": "loss_regression_source",
    "target_regression": "loss_regression_target",
}


_LARGEST_COUNT, _LARGEST_SECONDS = 2**32 - 1, 2**31 - 1
"""What a message's fields can hold."""


def to_text(text: str) -> str:
    """Text that a message and a log can carry: a file's name need not be UTF-8, they have to be."""
    return text.encode("utf-8", "backslashreplace").decode()


def to_request(
    job: AdaptJob,
    modality: str,
    preprocessing: Mapping[str, Any],
    edges: Mapping[str, Any] = MappingProxyType({}),
    auto_activate: bool = True,
    default_source: str = "",
    **node_settings: Any,
) -> JobRequest:
    """The request of a message.

    Args:
        job: the message.
        modality: the one the node adapts to.
        preprocessing: settings of that modality.
        edges: settings of edge frames, for event.
        default_source: sources of a message that names none.
        auto_activate: whether the node lets a job activate its version; the message has to want it, too.
        node_settings: the fields of JobRequest that the node's parameters decide.

    Raises:
        ValueError: the message makes no sense, or asks for another modality.
    """
    if job.modality not in ("", modality):
        raise ValueError(
            f"this server adapts {modality}, not {job.modality}: start one with modality:={job.modality} and a store "
            "of its own"
        )
    bags = tuple(_path(uri) for uri in job.bag_uris)
    target = TargetSelection(bags, modality, job.topic, job.start_s, job.end_s, max(1, job.frame_stride), dict(edges))
    return JobRequest(
        target,
        job.iterations,
        _seconds(job.time_budget),
        with_folders(job.source or default_source, _path),
        {option.key: option.value for option in job.options},
        dict(preprocessing),
        auto_activate=auto_activate and job.auto_activate,
        **node_settings,
    )


def to_job(request: JobRequest) -> AdaptJob:
    """The message of a request, as `to_request` would read it."""
    target = request.target
    return AdaptJob(
        bag_uris=[to_text(bag) for bag in target.bags],
        topic=to_text(target.topic),
        modality=target.modality,
        start_s=float(target.start_s),
        end_s=float(target.end_s),
        frame_stride=min(target.stride, _LARGEST_COUNT),
        iterations=min(request.iterations, _LARGEST_COUNT),
        time_budget=to_duration(request.time_budget_s),
        source=to_text(request.source),
        options=[KeyValue(key=to_text(key), value=to_text(value)) for key, value in request.options.items()],
        auto_activate=request.auto_activate,
    )


def to_progress(event: Mapping[str, Any]) -> AdaptProgress:
    """A progress event of the job as a message; an empty one gives an empty message."""
    losses = event.get("losses", {})
    confidence = event.get("confidence")
    parts = {field: float(losses.get(name, "nan")) for name, field in _LOSSES.items()}
    return AdaptProgress(
        iteration=min(event.get("iteration", 0), _LARGEST_COUNT),
        iterations=min(event.get("iterations", 0), _LARGEST_COUNT),
        loss_total=float(sum(losses.values())),
        pseudo_label_confidence=float("nan") if confidence is None else confidence,
        noise_step=event.get("noise_step", -1),
        elapsed=to_duration(event.get("elapsed", 0.0)),
        eta=to_duration(event.get("eta", -1.0)),
        **parts,
    )


def to_status(
    standing: Standing, job: AdaptJob, snapshot: Snapshot, followers: Sequence[str], said: str
) -> AdaptStatus:
    """The status, but for its stamp.

    Args:
        standing: of the running or the last job.
        job: what that was asked.
        snapshot: of the store.
        followers: nodes that follow the store.
        said: one sentence or several for a person.
    """
    return AdaptStatus(
        state=STATES[standing.state.state],
        job_id=standing.job_id,
        message=to_text(said),
        job=job,
        progress=to_progress(standing.progress),
        new_version=standing.state.new_version,
        active_version=snapshot.active,
        versions=list(snapshot.versions),
        followers=list(followers),
        report_uri=to_uri(standing.state.report),
    )


def to_duration(seconds: float) -> Duration:
    """Seconds as a message, which holds up to 2^31 - 1 of them."""
    seconds = min(seconds, _LARGEST_SECONDS)
    whole = int(seconds // 1)
    return Duration(sec=whole, nanosec=int((seconds - whole) * 1e9))


def to_uri(path: str) -> str:
    """A file's path as URI; empty for an empty one."""
    return Path(path).absolute().as_uri() if path else ""


def _path(uri: str) -> str:
    """A path, given as it is or as file:// URI."""
    return unquote(urlparse(uri).path) if uri.startswith("file://") else str(Path(uri).expanduser().absolute())


def _seconds(duration: Duration) -> float:
    return duration.sec + duration.nanosec * 1e-9
