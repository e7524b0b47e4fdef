# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""After a job has trained: its version in the store, the page about it, and whether it becomes the active one."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import torch

from madm_model.adaptation.data.labelled_target import LabelledTarget
from madm_model.adaptation.data.source_shares import in_words
from madm_model.adaptation.data.target_frames import TargetFrames
from madm_model.checkpoint.model_folder import save_model
from madm_model.jobs import gate_run, report
from madm_model.jobs.candidate import Candidate
from madm_model.jobs.context import JobContext
from madm_model.jobs.known_frames import know_frames
from madm_model.jobs.settings import JobSettings
from madm_model.jobs.state import State
from madm_model.jobs.training import LOG_FILE, STUDENT_LOG_FILE, Trained
from madm_model.model_config import ModelConfig
from madm_model.store import ActiveChanged, VersionInfo
from madm_model.store.version import TEACHER_FOLDER


def write_version(
    job: JobContext,
    evidence: gate_run.Evidence,
    candidate: Candidate,
    parent: str,
    trained: Trained,
    target: TargetFrames,
    labelled: LabelledTarget | None,
    adapted: ModelConfig,
    settings: JobSettings,
    device: torch.device,
) -> str:
    """Add what the gate judged to the store, a student with its teacher.

    Args:
        job: the job.
        evidence: what the gate says of it.
        candidate: what it judged.
        parent: the version that the training started from.
        trained: iterations and seconds of the adaptation.
        target: frames of the sensor.
        labelled: labelled ones; None without.
        adapted: of the adapted model, which is what the gate judged or its student's teacher.
        settings: of the job.
        device: where to compute what frames it knows.

    Returns:
        the version's name, which a repeated call gives again.

    Raises:
        JobCanceled: it is to stop.
        StoreError: the store is busy or damaged.
        OSError: the disk is full.
    """
    job.events.check_stop()
    job_id, modality = job.folder.job_id, job.request.target.modality
    # A job that was killed right after this stage has its version already.
    for version in job.store.read().versions[1:]:
        if job.store.info(version).job_id == job_id:
            return version

    known = know_frames(job, candidate, target, settings.known_frames, device)

    def info(version: str) -> VersionInfo:
        training = {
            "iterations": trained.iterations,
            "seconds": round(trained.seconds, 1),
            "source": in_words(job.request.source),
            "bags": list(job.request.target.bags),
            "target_frames": len(target),
            "options": dict(job.request.options),
        }
        if labelled is not None:
            training["labelled_target"] = str(labelled)
        if target.pairs:
            training["paired"] = f"{target.pairs} of {len(target)} frames"
        if candidate.state:
            training["state"] = candidate.state
        if bias := _class_bias(adapted):
            training["class_bias"] = bias
        if candidate.student is not None:
            training["student"] = {
                "network": candidate.config.architecture.name,
                "iterations": candidate.student.iterations,
                "seconds": round(candidate.student.seconds, 1),
            }
        return VersionInfo(version, parent, job_id, modality, evidence.result.to_dict(), training)

    def save(folder: Path) -> None:
        save_model(folder, candidate.network, candidate.config, gate_run.STORED_DTYPE)
        if candidate.student is not None:
            shutil.copytree(job.teacher_folder, folder / TEACHER_FOLDER)
        if known is not None:
            known.save(folder)

    return job.store.add(save, info)


def write_report(
    job: JobContext,
    version: str,
    running: str,
    evidence: gate_run.Evidence,
    candidate: Candidate,
    target: TargetFrames,
    labelled: LabelledTarget | None,
    adapted: ModelConfig,
) -> None:
    """Write the page about a version, and keep in the job's state where it is.

    Args:
        job: the job.
        version: the new version.
        running: the version it was compared with.
        evidence: what the comparison gave.
        candidate: what it judged.
        target: frames of the sensor.
        labelled: labelled ones; None without.
        adapted: of the adapted model, which is what the gate judged or its student's teacher.

    Raises:
        OSError: the disk is full.
    """
    selection = job.request.target
    student = {}
    if candidate.student is not None:
        student["student"] = (
            f"{candidate.config.architecture.name}, which learned from the adapted model for "
            f"{candidate.student.iterations} iterations, {candidate.student.seconds:.0f} s"
        )
    summary = report.Summary(
        job.folder.job_id,
        selection.modality,
        version,
        running,
        {
            "bags": ", ".join(selection.bags),
            "target frames": f"{len(target)}, {len(target.training)} of them trained on",
            "source": in_words(job.request.source),
            **({"labelled target frames": str(labelled)} if labelled is not None else {}),
            **({"frames with a paired image": f"{target.pairs} of {len(target)}"} if target.pairs else {}),
            "options": json.dumps(dict(job.request.options)),
            **student,
            **({"state": candidate.state} if candidate.state else {}),
            **_bias_in_words(adapted),
        },
        target.notes,
        job.folder.path / LOG_FILE,
        job.folder.path / STUDENT_LOG_FILE,
    )
    page = report.write_report(job.folder.path / "report", summary, evidence, candidate.config.label_set)
    job.folder.update(new_version=version, report=str(page.absolute()))


def _class_bias(adapted: ModelConfig) -> dict[str, float]:
    """What logit adjustment has added to the score of each class, in nats; empty without."""
    return dict(zip(adapted.label_set.names, adapted.class_bias))


def _bias_in_words(adapted: ModelConfig) -> dict[str, str]:
    """The same as a row of the report."""
    bias = _class_bias(adapted)
    text = ", ".join(f"{name} +{value:.2f}" for name, value in bias.items() if value)
    return {"added to the scores (logit adjustment)": text} if bias else {}


def activate_if_fit(job: JobContext, version: str, replaced: str, running: str, too_little: str) -> State:
    """Make a version the active one if the gate let it pass and nothing else speaks against it; tells the job's end.

    Args:
        job: the job.
        version: the new version.
        replaced: the version that was active when the job began: if another one is now, someone wanted that one.
        running: the version it was compared with.
        too_little: why so short a training activates nothing by itself; empty if it may.

    Raises:
        StoreError: the store is busy or damaged.
    """
    verdict = job.store.info(version).gate
    if not verdict["passed"]:
        return job.events.state(
            State.NOT_ACTIVATED, f"{version} did not pass the gate, {running} stays: {verdict['reason']}"
        )
    if too_little or not job.request.auto_activate:
        reason = f"{too_little}, so it" if too_little else "as it was asked, it"
        return job.events.state(
            State.NOT_ACTIVATED,
            f"{version} passed the gate; {reason} is only kept and {running} stays: look at the report, then "
            f"activate {version}",
        )
    try:
        job.store.activate(version, in_place_of=replaced)
    except ActiveChanged as error:
        return job.events.state(
            State.NOT_ACTIVATED, f"{version} passed the gate, but {error}: it is kept; activate {version} to use it"
        )
    return job.events.state(State.ACTIVATED, f"{version} passed the gate and is active in place of {running}")
