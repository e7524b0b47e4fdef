# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""Before a job trains: frames of target and source on disk, and how long to train."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import torch

from madm_model.adaptation.data.labelled_target import LabelledTarget, open_labelled_target, split_labelled
from madm_model.adaptation.data.limited_reading import read_recordings
from madm_model.adaptation.data.mixed_source import MixedSource
from madm_model.adaptation.data.paired_labels import PairedLabels, label_paired
from madm_model.adaptation.data.source_frames import SourceFrames, open_source
from madm_model.adaptation.data.source_shares import parse_sources, without_replay
from madm_model.adaptation.data.target_frames import TargetFrames
from madm_model.adaptation.data.training_data import JobData
from madm_model.adaptation.self_training import SelfTraining
from madm_model.checkpoint.model_folder import load_model
from madm_model.jobs.check import check_disk
from madm_model.jobs.context import JobContext
from madm_model.jobs.room import free_memory
from madm_model.jobs.settings import JobSettings
from madm_model.jobs.state import State
from madm_model.jobs.training import iterations_in
from madm_model.labels import IGNORE, STREET_11, translation_table
from madm_model.model_config import ModelConfig


def prepare_frames(
    job: JobContext, configs: Sequence[ModelConfig], settings: JobSettings
) -> tuple[TargetFrames, SourceFrames]:
    """Bring the frames of the recordings, and the labelled source, onto the disk; what is there is used again.

    Args:
        job: the job.
        configs: of the networks that are trained, which have the same classes: frames are large enough for all of them.
        settings: the job's, for any number of iterations.

    Raises:
        JobCanceled: it is to stop.
        InputError: a recording or the source cannot be used.
        OSError: the disk is full.
    """
    job.events.state(State.PREPARING, "reading the recordings")
    config = max(configs, key=lambda one: math.prod(one.input_size))
    target = read_recordings(
        settings.selection(job.request.target),
        job.request.preprocessing,
        config,
        settings.limits,
        job.target_folder,
        lambda read, kept: job.events.count("frames", read, read=read, kept=kept),
        job.request.bag_roots,
        lambda frames: check_disk(job.store, settings, frames),
        job.events.check_stop,
    )
    job.events.state(State.PREPARING, "preparing the labelled source")
    return target, _open_sources(job, config, settings)


def _open_sources(job: JobContext, config: ModelConfig, settings: JobSettings) -> SourceFrames:
    """All sources of a job as one."""
    sources = parse_sources(job.request.source)
    if (translation_table(STREET_11.names, config.label_set) == IGNORE).all():
        sources = without_replay(sources)
    opened = []
    for number, source in enumerate(sources):
        # Rendered streets serve all jobs of this store; a folder's count is the job's own.
        own = job.folder.path / "source" / str(number)
        opened.append(
            open_source(
                source.name,
                config.label_set,
                own if source.is_folder else job.store.root / "sources" / (source.name or "replay"),
                lambda done, total: job.events.count("source", done, done=done, total=total),
                settings.source_labels,
                job.request.bag_roots,
                job.request.target.modality,
            )
        )
    return opened[0] if len(opened) == 1 else MixedSource(opened, [source.share for source in sources])


def open_labelled(job: JobContext, config: ModelConfig, settings: JobSettings) -> LabelledTarget | None:
    """The labelled frames of the target, if there are any: those to train on, and those of the gate.

    Args:
        job: the job.
        config: of the model.
        settings: the job's.

    Raises:
        InputError: the folder does not hold what it should, or what it did.
    """
    if not settings.labelled_target:
        return None
    request = job.request
    frames = open_labelled_target(
        Path(settings.labelled_target),
        request.target.modality,
        request.preprocessing,
        config.label_set,
        job.folder.path / "labelled_target",
        settings.source_labels,
        None if request.labelled_target else request.bag_roots,  # the server's own may lie anywhere
    )
    return split_labelled(frames, settings.labelled_share > 0)


def label_pairs(
    job: JobContext, target: TargetFrames, config: ModelConfig, settings: JobSettings, device: torch.device
) -> PairedLabels | None:
    """What the paired model says about the images of a colour camera; None where there is none.

    Args:
        job: the job; its folder keeps the labels.
        target: frames with their paired images.
        config: of the model that is adapted.
        settings: the job's.
        device: where to compute.

    Raises:
        JobCanceled: it is to stop.
        InputError: the model has none of the classes.
        ModelError: the model cannot be read.
    """
    if target.paired is None:
        return None
    job.events.state(State.PREPARING, f"labelling {target.pairs} paired images")
    return label_paired(
        *(target, config.label_set, settings.paired, job.target_folder, str(device)),
        lambda done, total: job.events.count("pairs", done, done=done, total=total),
    )


def training_data(
    target: TargetFrames,
    source: SourceFrames,
    labelled: LabelledTarget | None,
    paired: PairedLabels | None,
    config: ModelConfig,
    settings: JobSettings,
) -> JobData:
    """What the batches of a job are drawn from.

    Args:
        target: frames of the sensor.
        source: labelled frames.
        labelled: of the target; None without.
        paired: labels of the target's paired images; None without.
        config: of the version that is trained.
        settings: the job's.

    Raises:
        ValueError: the crop does not fit the architecture.
    """
    own = labelled.training if labelled is not None else None
    return JobData(source, target, config, settings.view, own, settings.labelled_share, paired)


def decide_iterations(
    job: JobContext,
    parent: str,
    config: ModelConfig,
    settings: JobSettings,
    data: JobData,
    device: torch.device,
) -> int:
    """The requested number; with a time budget alone, as many as fit by the time a few trial steps take.

    Args:
        job: the job; its folder keeps the number.
        parent: version that is trained.
        config: of that version.
        settings: the job's, for any number of iterations.
        data: its batches.
        device: where to train.

    Raises:
        JobCanceled: it is to stop.
    """
    decided = job.request.iterations or job.folder.state().iterations
    if not decided:
        job.events.state(State.PREPARING, "measuring the time of an iteration")
        network = load_model(job.store.training_folder(parent), device)[0]
        trial = SelfTraining(network, config.label_set, data, settings.training)
        decided = iterations_in(settings.training_share * job.request.time_budget_s, trial, job.events)
        del network, trial
        free_memory(device)  # before the training's network is loaded
    job.folder.update(iterations=decided)
    return decided
