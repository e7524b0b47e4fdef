# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""The work directory of a benchmark: one folder per run, with its checkpoint until it is done and its result then."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from rich.console import Console

from madm_model.adaptation.data.batches import AdaptationData
from madm_model.adaptation.self_training import SelfTraining
from madm_model.adaptation.step_statistics import StepStatistics
from madm_model.adaptation.target_norm import evaluating
from madm_model.architecture import Architecture
from madm_model.benchmark.config import BenchmarkConfig
from madm_model.benchmark.measured_training import MeasuredTraining, Scores
from madm_model.benchmark.plan import ANY_MODALITY, Run, training_config
from madm_model.checkpoint.model_folder import WEIGHTS_FILE, load_model, save_model
from madm_model.checkpoint.model_names import resolve_model
from madm_model.io import durable
from madm_model.machine import describe_machine
from madm_model.model_config import ModelConfig, ModelError
from madm_model.network.madm import MADM
from madm_model.segmenter import Segmenter
from madm_model.training.checkpoints import Checkpoints
from madm_model.training.stage import StageConfig, run_iterations

_RESULT, _STAMP, _BASE, _BLOCKS = "result.json", "run.json", "unadapted.json", "blocks.npz"
_STAGE = "training"


class Task(Protocol):
    """Frames to train on, and how a network is scored."""

    headline: tuple[str, ...]
    """Names of the scores of the main table."""
    primary: str
    """Name of the score of sweeps and curves."""
    reference_name: str
    """A row from elsewhere, beside the others; empty for none."""
    reference: Mapping[str, float]
    """Its scores in percent."""

    def data(self, run: Run) -> AdaptationData:
        """Batches of a run."""

    def scores(self, segmenter: Segmenter, modality: str) -> dict[str, float]:
        """Scores by name, in percent; one that is not defined is left out."""

    def blocks(self, segmenter: Segmenter, modality: str) -> np.ndarray | None:
        """Confusion matrices of blocks of neighbouring frames, int64 (S, K + 1, K), whose mIoU is the score `mIoU`;
        None where there is no such score."""

    def describe(self) -> str:
        """The frames, in one sentence."""


@dataclass(frozen=True)
class Result:
    """What a finished run came to."""

    run: Run
    curve: list[dict[str, Any]]
    """Points of `MeasuredTraining.curve`; the last one is the trained network."""
    seconds: float
    """Spent in training steps."""
    wall_seconds: float
    """Spent in all, scoring included."""
    machine: str
    """Where it ran."""
    blocks: Mapping[str, np.ndarray] = field(default_factory=dict, compare=False, repr=False)
    """By modality the trained network's `Task.blocks`; empty where there are none, as in results of older releases."""

    @property
    def scores(self) -> Scores:
        """Scores of the trained network."""
        return self.curve[-1]["scores"]


class Workbench:
    """Runs trainings of a benchmark and keeps their results.

    Attributes:
        model: configuration of the model that all runs start from.
    """

    def __init__(self, config: BenchmarkConfig, folder: Path, device: torch.device) -> None:
        """Open or make the work directory.

        Raises:
            ModelError: the base model cannot be read, or is a student.
        """
        self._config, self._folder, self._device = config, folder, device
        self.model = load_model(config.base_model)[1]
        if not isinstance(self.model.architecture, Architecture):
            raise ModelError(f"base_model '{self.model.name}' is a student, which cannot be adapted: name a MADM model")
        self.base_id = _sha256(resolve_model(config.base_model) / WEIGHTS_FILE)[:12]
        folder.mkdir(parents=True, exist_ok=True)

    def result(self, run: Run) -> Result | None:
        """The result of a run, if it is done.

        Raises:
            ValueError: the run was done with other settings or from another base model.
        """
        self._check(run)
        path = self._folder / run.name / _RESULT
        if not path.exists():
            return None
        data = json.loads(path.read_text())
        blocks = {}
        if (file := path.with_name(_BLOCKS)).exists():
            with np.load(file) as arrays:
                blocks = dict(arrays)
        return Result(run, data["curve"], data["seconds"], data["wall_seconds"], data["machine"], blocks)

    def done_iterations(self, run: Run) -> int:
        """Iterations that the run's log counts; what came after its last checkpoint will be done again."""
        if (self._folder / run.name / _RESULT).exists():
            return self._config.iterations
        path = self._folder / run.name / f"{_STAGE}.csv"
        lines = path.read_text().splitlines() if path.exists() else []
        return int(lines[-1].split(",")[0]) if len(lines) > 1 else 0

    def unadapted(self) -> Scores:
        """Scores of the base model, as far as `score_unadapted` made them."""
        path = self._folder / _BASE
        data = json.loads(path.read_text()) if path.exists() else {}
        return data["scores"] if data.get("wanted") == self._base_wanted() else {}

    def score_unadapted(self, task: Task) -> None:
        """Score the base model once, before any training."""
        if self.unadapted():
            return
        network, model = load_model(self._config.base_model, self._device)
        scores = evaluate(task, network, model, self._device, self._config.modalities)
        durable.write_json(self._folder / _BASE, {"wanted": self._base_wanted(), "scores": scores})

    def execute(
        self, run: Run, task: Task, console: Console, on_iteration: Callable[[int, StepStatistics], bool]
    ) -> bool:
        """Train a run to its end, or until told to stop; goes on from its last checkpoint.

        Args:
            run: one of the plan.
            task: gives batches and scores.
            console: prints progress.
            on_iteration: called after every iteration with the number done; False stops with a checkpoint.

        Returns:
            whether the run is done.

        Raises:
            ValueError: the run was begun with other settings or from another base model.
            TrainingDiverged: a loss is not finite.
        """
        if self.result(run) is not None:
            return True
        folder, settings = self._folder / run.name, training_config(self._config, run)
        folder.mkdir(exist_ok=True)
        durable.write_json(folder / _STAMP, self._wanted(run))

        # 1. Everybody starts from the same weights
        network, model = load_model(self._config.base_model, self._device)
        trainer = SelfTraining(
            network, model.label_set, task.data(run), settings, workers=self._config.workers, held_bias=model.class_bias
        )
        model = replace(model, class_bias=trainer.bias_to_keep)
        modalities = self._config.modalities if run.modality == ANY_MODALITY else (run.modality,)

        def score() -> Scores:
            with trainer.preview() as trained:
                return evaluate(task, trained, model, self._device, modalities)

        training = MeasuredTraining(trainer, score, {*self._config.evaluate_at, self._config.iterations})

        # 2. Train, scoring on the way
        stage = StageConfig(
            _STAGE, self._config.iterations, self._config.optimizer, run.seed, self._config.checkpoint_every, 10
        )
        wall_seconds = run_iterations(stage, training, folder, console, on_iteration)
        if not training.curve or training.curve[-1]["iteration"] < self._config.iterations:
            return False

        # 3. Keep the model and the result; the checkpoint is of no more use
        if run.modality != ANY_MODALITY:
            model = replace(model, name=f"{model.architecture.name}-{run.modality}", modality=run.modality)
        trained = trainer.finish()
        save_model(self.model_folder(run), trained, model, torch.float16)
        segmenter = Segmenter(trained, model, self._device, torch.float32)
        blocks = {name: found for name in modalities if (found := task.blocks(segmenter, name)) is not None}
        if blocks:
            np.savez_compressed(folder / _BLOCKS, **blocks)
        data = {
            "curve": training.curve,
            "seconds": round(training.seconds, 2),
            "wall_seconds": round(wall_seconds, 2),
            "machine": describe_machine(self._device),
        }
        durable.write_json(folder / _RESULT, data)
        Checkpoints(folder, _STAGE).drop()
        return True

    def model_folder(self, run: Run) -> Path:
        """Where the trained model of a finished run lies."""
        return self._folder / run.name / "model"

    def _check(self, run: Run) -> None:
        path = self._folder / run.name / _STAMP
        if path.exists() and (found := json.loads(path.read_text())) != self._wanted(run):
            wanted = self._wanted(run)
            changed = ", ".join(name for name in wanted if found.get(name) != wanted[name])
            raise ValueError(
                f"{path.parent} was made with another {changed}: use another --work-dir, or remove that folder"
            )

    def _wanted(self, run: Run) -> dict[str, str]:
        """Everything that decides the result of a run."""
        config = self._config
        return {
            "base_model": self.base_id,
            "training": repr(training_config(config, run)),
            "view": repr(config.view),
            "replay_share": repr(config.replay_share),
            "sensor_share": repr(config.sensor_share),
            "streets": repr(config.streets),
            "evaluate_at": repr(sorted(config.evaluate_at)),
            "scored_modalities": repr(config.modalities if run.modality == ANY_MODALITY else (run.modality,)),
        }

    def _base_wanted(self) -> dict[str, str]:
        config = self._config
        return {
            "base_model": self.base_id,
            "streets": repr(config.streets),
            "scored_modalities": repr(config.modalities),
        }


@torch.no_grad()
def evaluate(
    task: Task, network: MADM, model: ModelConfig, device: torch.device, modalities: tuple[str, ...]
) -> Scores:
    """Score a network as it is, between two steps of its training; every module is put back into its mode."""
    segmenter = Segmenter(network, model, device, torch.float32)
    with evaluating(network):
        return {modality: task.scores(segmenter, modality) for modality in modalities}


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        digest = hashlib.sha256()
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()
