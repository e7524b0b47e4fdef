# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""A training on data sets in numbered stages, from a configuration to model folders."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import torch
from rich.console import Console

from madm_model.adaptation.self_training import SelfTraining
from madm_model.adaptation.step_statistics import StepStatistics
from madm_model.checkpoint.model_folder import load_model, save_model
from madm_model.dataset_training.board import Board
from madm_model.dataset_training.config import SplitConfig, TrainConfig
from madm_model.dataset_training.data import DatasetData
from madm_model.dataset_training.validation import BEST_FOLDER, SCORES_FILE, Validation
from madm_model.datasets.dataset import Dataset, open_dataset
from madm_model.datasets.pixel_counts import pixel_counts
from madm_model.io.frames import InputError
from madm_model.labels import LabelSet
from madm_model.model_config import ModelConfig, ModelError
from madm_model.network.madm import MADM
from madm_model.training.checkpoints import Checkpoints
from madm_model.training.claim import claim
from madm_model.training.processes import Processes
from madm_model.training.stage import StageConfig, run_iterations

STAGE = "training"
LAST_FOLDER, BOARD_FOLDER, SETTINGS_FILE = "last", "tensorboard", "settings.json"

_FEW_IMAGES = 64
"""Whose pixels are counted sooner than processes for it are started."""


def train(
    config: TrainConfig,
    out: Path,
    resume: bool,
    device: torch.device,
    processes: Processes,
    console: Console,
    should_stop: Callable[[], bool] = lambda: False,
) -> bool:
    """Train, or go on where an earlier call with the same folder stopped.

    Args:
        config: everything about it.
        out: gets settings.json, checkpoints, training.csv, tensorboard/, scores.json, and the model folders best/ and
            last/.
        resume: whether there is an earlier call to go on from.
        device: where this process trains.
        processes: that train together, all with the same configuration.
        console: prints progress.
        should_stop: asked after every iteration; a training that stops writes a checkpoint.

    Returns:
        Whether it is done.

    Raises:
        InputError: a data set cannot be used, or there is nothing to resume, or something is not to be written over.
        ModelError: the base model cannot be used, or what is to be resumed had other settings.
        ValueError: settings do not fit together.
    """
    # 1. What is there
    first = _iterations_before(out, resume, processes)
    model = ModelConfig.load(Path(config.base))
    if resume or processes.is_first:  # a new training's are written once
        claim(out / SETTINGS_FILE, config.deciding(), resume, f"{out} holds a training", "give another --out")
    target = _open(config.target, model.label_set, labelled=False)
    model = replace(model, name=f"{model.name}@{out.name}", modality=target.modality)
    training = config.resolved(target.modality)
    validation = _open(config.validation, model.label_set) if config.validation else None

    # 2. Batches
    with processes.first_before_others():  # it counts the pixels, the others find them counted
        data = _open_data(config, target, model.label_set, console)
    console.print(f"{len(data.target_indices)} of {len(target)} target images, target_share {config.target_share:g}")

    # 3. The network
    network, _ = load_model(config.base, device)
    if not isinstance(network, MADM):
        raise ModelError(f"{config.base} is a student: a training on data sets starts from MADM (`madm new`)")
    trainer = SelfTraining(
        *(network, model.label_set, data, training),
        processes=processes,
        workers=config.workers,
        held_bias=model.class_bias,
    )
    model = replace(model, class_bias=trainer.bias_to_keep)

    # 4. Train; logs, panels, scores and checkpoints on the way
    board = Board(out / BOARD_FOLDER, first) if processes.is_first else None
    scorer = None
    if validation is not None:
        scorer = Validation(validation, config.validation_images, model, out, processes, first)
    stage = StageConfig(
        *(STAGE, training.iterations, training.optimizer, training.seed, config.checkpoint_every, config.log_every)
    )
    done = first
    meter = _Waiting(trainer)

    def on_iteration(iterations: int, statistics: StepStatistics) -> bool:
        nonlocal done
        done = iterations
        last = done == training.iterations
        if board is not None and (done % config.log_every == 0 or last):
            board.add_step(done, statistics, meter.share())
        if board is not None and trainer.passes.view is not None and (done % config.panels_every == 0 or last):
            board.add_panels(done, trainer.passes.view, model.label_set)
        if scorer is not None and (done % config.evaluate_every == 0 or last):
            entry = scorer.run(trainer, done, training.resources)
            console.print(f"iteration {done}: mIoU {100 * (entry['miou'] or 0):.2f} on {validation.name}")
            if board is not None:
                board.add_scores(done, entry)
        return not should_stop()

    try:
        run_iterations(stage, trainer, out, console, on_iteration, processes)
    finally:
        trainer.loader.close()
        if board is not None:
            board.close()

    # 5. The model as it is in the end
    if done < training.iterations:
        return False
    if processes.is_first:
        save_model(out / LAST_FOLDER, trainer.finish(), model)
        told = f", {out / BEST_FOLDER} ({SCORES_FILE})" if scorer is not None else ""
        console.print(f"models: {out / LAST_FOLDER}{told}", soft_wrap=True, markup=False)
    return True


def _iterations_before(out: Path, resume: bool, processes: Processes) -> int:
    """Iterations of the checkpoint to go on from; 0 for a new training.

    Raises:
        InputError: there is none to resume, or one that is not to be written over.
    """
    checkpoints = Checkpoints(out, STAGE)
    with processes.first_before_others():
        state = checkpoints.load(mmap=True)
    if resume and state is None:
        raise InputError(f"there is no checkpoint in {out} to resume from: leave --resume out")
    if state is not None and not resume:
        raise InputError(f"{out} holds a training of {state['iteration']} iterations: give --resume, or another --out")
    out.mkdir(parents=True, exist_ok=True)
    return state["iteration"] if state is not None else 0


def _open(split: SplitConfig, label_set: LabelSet | None, labelled: bool = True) -> Dataset:
    return open_dataset(split.name, Path(split.root).expanduser(), split.split, label_set, labelled)


def _open_data(config: TrainConfig, target: Dataset, label_set: LabelSet, console: Console) -> DatasetData:
    source = _open(config.source, None)
    console.print(f"counting the pixels of {len(source)} images of {source.name}, unless they are known")
    counts = pixel_counts(source, processes=None if len(source) > _FEW_IMAGES else 0)
    return DatasetData(
        *(source, counts, target, label_set, config.crop, config.batch_per_pass),
        *(config.source.size, config.target.size, config.target_share, config.training.seed),
    )


class _Waiting:
    """Share of the time that a training has waited for its batches, since it was asked last."""

    def __init__(self, trainer: SelfTraining) -> None:
        self._loader = trainer.loader
        self._seen, self._since = 0.0, time.perf_counter()

    def share(self) -> float:
        now, waited = time.perf_counter(), self._loader.waited_s
        share = (waited - self._seen) / max(now - self._since, 1e-9)
        self._seen, self._since = waited, now
        return share
