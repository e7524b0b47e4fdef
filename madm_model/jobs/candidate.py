# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""What a job has made for the gate to judge: the adapted model itself, or a student that has learned from it."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import torch

from madm_model.adaptation.data.source_frames import SourceFrames
from madm_model.adaptation.data.target_frames import TargetFrames
from madm_model.checkpoint.model_folder import save_model
from madm_model.distillation.config import DistillationConfig
from madm_model.distillation.data import DistillationData
from madm_model.distillation.distillation import Distillation
from madm_model.distillation.student import prepare_student
from madm_model.distillation.student_choice import StudentChoice, choose_student, student_config, student_path
from madm_model.distillation.teacher_labels import label_frames
from madm_model.jobs.context import JobContext
from madm_model.jobs.gate_run import STORED_DTYPE
from madm_model.jobs.room import free_memory
from madm_model.jobs.settings import JobSettings
from madm_model.jobs.state import State
from madm_model.jobs.training import STUDENT_STAGE, Trained, iterations_in, job_stage, run_stage
from madm_model.model_config import CONFIG_FILE, ModelConfig

if TYPE_CHECKING:
    from madm_model.checkpoint.model_folder import Network

_LEAST_S = 0.01


@dataclass(frozen=True)
class Candidate:
    """What the gate judges, and a version will hold."""

    network: Network
    """Float32, in evaluation mode."""
    config: ModelConfig
    """Of the network."""
    student: Trained | None = None
    """How a student was trained, whose teacher is in the job's folder; None: it is the adapted model."""
    state: str = ""
    """Which state of the training it is, where it is not the last."""


def adapted_config(job: JobContext, config: ModelConfig, class_bias: tuple[float, ...]) -> ModelConfig:
    """What the folder of the adapted model says, given that of the model that the job started from.

    Args:
        job: the job.
        config: of the model that it started from.
        class_bias: that its logit adjustment has added to the classifier's.
    """
    name = f"{config.name.split('@')[0]}@{job.folder.job_id}"
    return replace(config, name=name, modality=job.request.target.modality, class_bias=class_bias)


def choose_job_student(
    job: JobContext, settings: JobSettings, config: ModelConfig, parent: str
) -> tuple[StudentChoice, ModelConfig]:
    """Which student a job makes, and what its folder will say.

    One of the same sizes that the job's version runs already goes on from its weights, unless a folder is named.

    Args:
        job: the job.
        settings: the job's, with a student.
        config: of the model that is adapted.
        parent: version that the job started from.

    Raises:
        ModelError: there is no such student, or it has other classes.
    """
    choice, folder = choose_student(settings.student), job.store.folder(parent)
    running = ModelConfig.load(folder)
    is_named = student_path(settings.student) is not None  # a folder: its weights are what is asked for
    has_its_classes = running.label_set.names == config.label_set.names
    if not is_named and has_its_classes and running.architecture == choice.architecture:
        choice = replace(choice, folder=folder)
    name = f"{config.name.split('@')[0]}-{choice.architecture.name}@{job.folder.job_id}"
    size = settings.distillation.height, settings.distillation.width
    return choice, student_config(choice, config, size, name, job.request.target.modality)


def keep_teacher(job: JobContext, adapted: Candidate) -> None:
    """Write the adapted model where a student learns from it; one that is there, as of a job that is resumed, stays.

    Raises:
        ModelError: it cannot be written.
    """
    if not (job.teacher_folder / CONFIG_FILE).is_file():  # which is written last
        save_model(job.teacher_folder, adapted.network, adapted.config, STORED_DTYPE)


def distil_student(
    job: JobContext,
    settings: JobSettings,
    chosen: tuple[StudentChoice, ModelConfig],
    target: TargetFrames,
    source: SourceFrames,
    device: torch.device,
) -> Candidate:
    """Have the adapted model, which `keep_teacher` wrote, teach a student on the job's frames.

    Args:
        job: the job.
        settings: the job's, with a student.
        chosen: what `choose_job_student` gave.
        target: frames of the sensor.
        source: labelled frames.
        device: where to train.

    Raises:
        JobCanceled: it is to stop; it goes on from there when it is resumed.
        ModelError: a model cannot be used.
        OSError: the disk is full.
    """
    choice, config = chosen
    # 1. The teacher labels every frame once, or as many, from all over the recordings, as half of the time allows
    count = len(target.training)
    share_s = (1 - settings.training_share) * job.time_limit_s
    job.events.state(State.TRAINING, f"the adapted model labels {count} frames for its student")
    taught = label_frames(
        choice.teachers(job.teacher_folder, settings.distillation.own_share),
        target,
        np.random.default_rng(0).permutation(target.training),
        job.labels_folder,
        device,
        settings.distillation.precision,
        lambda done, total: job.events.count("labels", done, done=done, total=total),
        share_s / 2 or math.inf,
    )
    free_memory(device)

    # 2. How long the student learns: its share of the time, less what its teacher took
    budget_s = max(_LEAST_S, share_s - taught.seconds)
    network, learning = prepare_student(choice, config, settings.distillation)
    data = DistillationData(source, target, taught, config, learning.view)
    iterations = _decide_iterations(job, settings, learning, chosen, data, budget_s, device)
    learning = replace(learning, iterations=iterations)

    # 3. It learns, from the last checkpoint if there is one
    name = choice.architecture.name
    job.events.state(State.TRAINING, f"a {name} learns from the adapted model for {iterations} iterations")
    trainer = Distillation(network, data, learning, device)
    stage = job_stage(STUDENT_STAGE, iterations, learning.optimizer, learning.seed, settings.checkpoint_every)
    trained = run_stage(trainer, stage, budget_s, job.folder, job.events)
    return Candidate(trainer.finish(), config, trained)


def _decide_iterations(
    job: JobContext,
    settings: JobSettings,
    learning: DistillationConfig,
    chosen: tuple[StudentChoice, ModelConfig],
    data: DistillationData,
    budget_s: float,
    device: torch.device,
) -> int:
    """The wanted number, else as many as the adaptation was asked for, else as many as fit into the time."""
    wanted = learning.iterations or job.request.iterations or job.folder.state().student_iterations
    if not wanted:
        choice, config = chosen
        trial = Distillation(
            prepare_student(choice, config, settings.distillation)[0], data, replace(learning, iterations=1000), device
        )
        wanted = iterations_in(budget_s, trial, job.events)
        job.folder.update(student_iterations=wanted)
    return wanted
