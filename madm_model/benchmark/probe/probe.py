# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""The work directory of a probe: frames, the network that has learned to denoise, a folder for each self-training."""

from __future__ import annotations

import functools
import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from rich.console import Console

from madm_model.adaptation.data.batches import FramePoolData
from madm_model.adaptation.data.rare_class_sampling import RareClassConfig
from madm_model.adaptation.self_training import SelfTraining
from madm_model.adaptation.step_statistics import StepStatistics
from madm_model.architecture import ARCHITECTURES, Architecture
from madm_model.benchmark.measured_training import MeasuredTraining
from madm_model.benchmark.probe.config import ProbeConfig, Start
from madm_model.benchmark.probe.scores import noise_scores, teacher_scores
from madm_model.benchmark.progress import Stopwatch, duration
from madm_model.checkpoint.model_folder import load_model, save_model
from madm_model.checkpoint.model_names import resolve_model
from madm_model.io import durable
from madm_model.labels import STREET_11
from madm_model.machine import describe_machine
from madm_model.model_config import ModelConfig, ModelError
from madm_model.network.madm import MADM
from madm_model.settings import plain
from madm_model.training.checkpoints import Checkpoints
from madm_model.training.denoising import LatentPool, encode_images, noise_prediction_step
from madm_model.training.frame_pool import FramePool, render_pool
from madm_model.training.stage import StageConfig, run_iterations, run_stage

_RESULT, _STAMP = "result.json", "run.json"
_DENOISING, _SELF_TRAINING = "denoising", "training"


@dataclass(frozen=True)
class Case:
    """One self-training."""

    start: Start
    """What it starts from."""
    modality: str
    """Its target."""

    @property
    def name(self) -> str:
        """Name of its folder."""
        return f"{self.start}-{self.modality}"


class Probe:
    """Does what is missing, one part after the other, and keeps what came out.

    Attributes:
        cases: all self-trainings, in their order.
    """

    def __init__(self, config: ProbeConfig, folder: Path, device: torch.device) -> None:
        """Open or make the work directory.

        Raises:
            ModelError: the base model's configuration cannot be read, is a student's, or has other classes than the
                simulator.
            ValueError: frames or crops do not fit the network.
        """
        self._config, self._folder, self._device = config, folder, device
        base = ModelConfig.load(resolve_model(config.base_model))
        if not isinstance(base.architecture, Architecture):
            raise ModelError(f"base_model '{base.name}' is a student, which has no autoencoder: name a MADM model")
        if base.label_set != STREET_11:
            raise ModelError(f"the simulator has {len(STREET_11)} classes, but model '{base.name}' has other ones")
        architecture = base.architecture
        if config.architecture:
            vae = {name: value for name, value in architecture.to_dict().items() if name.startswith("vae_")}
            sizes = ARCHITECTURES[config.architecture]
            architecture = replace(sizes, latent_scaling=architecture.latent_scaling, **vae)
        for view in (config.view, config.denoising_view):
            view.check(architecture)
        size = config.streets.test.height, config.streets.test.width
        self._model = ModelConfig(
            f"{architecture.name}-denoised", architecture, STREET_11, "rgb", size, keep_aspect=True
        )
        self.cases = [Case(start, modality) for start in config.starts for modality in config.modalities]
        folder.mkdir(parents=True, exist_ok=True)
        self._check(folder, self._wanted())

    def render(self) -> None:
        """Render the frames, or use those that are there."""
        self._pools()

    def denoise(self, console: Console, minutes: float = 0.0) -> dict[str, Any]:
        """Teach a network to denoise, or take the result that is there.

        Args:
            console: prints progress.
            minutes: after which it stops and what was learned is the result; 0: no limit.

        Returns:
            The result: `iterations` done `of` all, `seconds`, `machine`, `scores` and those of the `base` model, both
            as `noise_scores` by modality.
        """
        folder, config = self._folder / _DENOISING, self._config
        if (result := _read(folder)) is not None:
            return result
        folder.mkdir(exist_ok=True)
        source, target, test = self._pools()
        network = self._fresh().to(self._device)
        modalities = ("rgb", *config.modalities)

        # 1. Latents, once
        console.print("encoding frames")
        view = config.denoising_view
        scale = view.magnifications(1.0)
        latents = LatentPool(
            network, (source, target), modalities, config.denoising.views, view.crop, scale, config.seed
        )

        # 2. Train the UNet
        each = config.denoising.batch_size // len(modalities)
        step = noise_prediction_step(
            network, lambda rng: latents.draw(rng, each), config.seed, config.resources.precision
        )
        stage = StageConfig(
            *(_DENOISING, config.denoising.iterations, config.denoising.optimizer, config.seed),
            checkpoint_every=config.denoising.checkpoint_every,
            log_every=100,
        )
        limit = _Limit(minutes, stage.iterations)
        network.requires_grad_(False)
        network.unet.requires_grad_(True).train()
        seconds = run_stage(stage, network.unet, step, folder, console, limit.goes_on)

        # 3. Score it on unseen frames, beside the base model, and keep it
        network.eval()
        unseen = {name: encode_images(network, iter(test.images[name])) for name in modalities}
        steps, precision, base = config.denoising.noise_steps, config.resources.precision, self._base.to(self._device)
        result = {
            "iterations": limit.done,
            "of": stage.iterations,
            "seconds": round(seconds, 1),
            "parameters": sum(parameter.numel() for parameter in network.parameters()),
            "machine": describe_machine(self._device),
            "scores": {name: noise_scores(network, unseen[name], steps, precision) for name in modalities},
            "base": {name: noise_scores(base, unseen[name], steps, precision) for name in modalities},
        }
        save_model(self.denoised_folder, network, self._model, torch.float16)
        durable.write_json(folder / _RESULT, result)
        Checkpoints(folder, _DENOISING).drop()
        return result

    @property
    def denoised_folder(self) -> Path:
        """The model that has learned to denoise, its head untrained: every benchmark can start from it."""
        return self._folder / _DENOISING / "model"

    def adapt(self, case: Case, console: Console, minutes: float = 0.0) -> dict[str, Any]:
        """Run one self-training and score its teacher on the way, or take the result that is there.

        Args:
            case: of `cases`; one that starts from the denoised network needs `denoise` before.
            console: prints progress.
            minutes: after which it stops, is scored, and that is the result; 0: no limit.

        Returns:
            The result: `iterations` done `of` all, `seconds`, `machine` and the `points`: by iteration the scores,
            as `teacher_scores` of the target, and under `rgb` of colour at the first step.

        Raises:
            TrainingDiverged: a loss is not finite.
            ValueError: the case was begun from another start.
        """
        folder, config = self._folder / case.name, self._config
        folder.mkdir(exist_ok=True)
        start = _read(self._folder / _DENOISING) if case.start == "denoised" else None
        self._check(folder, {"denoising_iterations": None if start is None else start["iterations"]})
        if (result := _read(folder)) is not None:
            return result

        # 1. The start
        source, target, test = self._pools()
        network = load_model(self.denoised_folder)[0] if case.start == "denoised" else self._fresh()
        assert isinstance(network, MADM)
        view = config.view
        data = FramePoolData(
            *(source, target, case.modality, len(STREET_11), view.batch_size, view.crop, view.magnifications(1.0)),
            RareClassConfig() if view.rare_classes else None,
            view.appearance,
        )
        trainer = SelfTraining(
            network.to(self._device), STREET_11, data, config.self_training(), workers=config.workers
        )

        # 2. Train, scoring the teacher on the way
        def scores() -> dict[str, Any]:
            of_street, batch = config.streets.test.frames_per_street, view.batch_size
            on_target = teacher_scores(trainer, test, case.modality, config.noise_steps, batch, of_street)
            on_colour = teacher_scores(trainer, test, "rgb", config.noise_steps[:1], batch, of_street)
            return on_target | {"rgb": on_colour[str(config.noise_steps[0])]}

        training = MeasuredTraining(trainer, scores, {*config.score_at, config.iterations} - {0})
        if 0 in config.score_at:
            training.curve.append({"iteration": 0, "seconds": 0.0, "scores": scores()})
        stage = StageConfig(
            *(_SELF_TRAINING, config.iterations, config.optimizer, config.seed),
            checkpoint_every=config.checkpoint_every,
        )
        limit = _Limit(minutes, config.iterations)

        def goes_on(done: int, _statistics: StepStatistics) -> bool:
            return limit.goes_on(done)

        run_iterations(stage, training, folder, Console(quiet=True), goes_on)
        points = list(training.curve)
        if not points or points[-1]["iteration"] < limit.done:
            points.append({"iteration": limit.done, "seconds": round(training.seconds, 2), "scores": scores()})

        # 3. Keep the result; the checkpoint is of no more use
        result = {
            "iterations": limit.done,
            "of": config.iterations,
            "seconds": round(training.seconds, 1),
            "machine": describe_machine(self._device),
            "points": points,
        }
        labelled = points[-1]["scores"][str(config.noise_steps[0])]["mIoU"]
        console.print(
            f"{case.name}: {limit.done} iterations, {duration(training.seconds)}, mIoU of the teacher {labelled:.1f}",
            soft_wrap=True,
        )
        trainer.loader.close()
        durable.write_json(folder / _RESULT, result)
        Checkpoints(folder, _SELF_TRAINING).drop()
        return result

    def results(self) -> dict[str, Any]:
        """Everything that is done: the config, `denoising`, and `cases` by name."""
        cases = {case.name: result for case in self.cases if (result := _read(self._folder / case.name)) is not None}
        return {"config": plain(self._config), "denoising": _read(self._folder / _DENOISING), "cases": cases}

    @functools.cached_property
    def _base(self) -> MADM:
        network = load_model(self._config.base_model)[0]
        assert isinstance(network, MADM)
        return network

    def _fresh(self) -> MADM:
        """The network before any training: fresh weights, but for the base model's autoencoder."""
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self._config.seed)
            network = MADM(self._model.architecture, len(STREET_11))
        network.vae.load_state_dict(self._base.vae.state_dict())
        return network

    def _pools(self) -> tuple[FramePool, ...]:
        """Source, target and test, each with all modalities."""
        modalities = ("rgb", *self._config.modalities)
        return tuple(
            render_pool(
                replace(getattr(self._config.streets, name), modalities=modalities), self._folder / f"{name}_frames"
            )
            for name in ("source", "target", "test")
        )

    def _wanted(self) -> dict[str, Any]:
        """What decides the results."""
        config = plain(self._config)
        return {name: config[name] for name in config if name not in ("title", "starts", "workers")}

    @staticmethod
    def _check(folder: Path, wanted: dict[str, Any]) -> None:
        """Note what decides the results of a folder, and refuse one that was made with something else."""
        path = folder / _STAMP
        if not path.exists():
            durable.write_json(path, wanted)
        elif (found := json.loads(path.read_text())) != json.loads(json.dumps(wanted)):
            changed = ", ".join(name for name in wanted if found.get(name) != json.loads(json.dumps(wanted[name])))
            raise ValueError(f"{folder} was made with another {changed}: use another --work-dir, or remove that folder")


class _Limit:
    """Ends a training after some minutes, and remembers how far it came.

    Attributes:
        done: iterations; all, unless it was ended.
    """

    def __init__(self, minutes: float, iterations: int) -> None:
        self._minutes, self._clock = minutes, Stopwatch()
        self.done = iterations

    def goes_on(self, done: int) -> bool:
        """Whether there is time left after so many iterations."""
        self.done = done
        return not self._minutes or self._clock.total < 60 * self._minutes


def _read(folder: Path) -> dict[str, Any] | None:
    path = folder / _RESULT
    return json.loads(path.read_text()) if path.exists() else None
