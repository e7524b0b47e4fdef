# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""Versions of many kinds: short trainings, mixtures of weights, shifted scores; and what each predicts on its pool."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path

import cv2
import numpy as np
import torch

from madm_model.adaptation.data.source_frames import SimulatedSource, SourceFrames
from madm_model.adaptation.data.target_frames import TargetFrames
from madm_model.adaptation.data.training_data import JobData, held_out_frames
from madm_model.adaptation.self_training import SelfTraining
from madm_model.benchmark.gate import predictions
from madm_model.benchmark.gate.config import GateBenchmarkConfig, GatePool, VersionSetting
from madm_model.benchmark.gate.predictions import BASE, Origin, Predictions
from madm_model.checkpoint.model_folder import load_model
from madm_model.jobs.gate_run import ask_teacher
from madm_model.jobs.settings import default_settings, with_options
from madm_model.labels import IGNORE, STREET_11, count_pixels
from madm_model.model_config import ModelConfig, magnification
from madm_model.network.folding import fold_constants
from madm_model.network.madm import MADM
from madm_model.segmenter import Segmenter
from madm_model.training.config import FramePoolConfig
from madm_model.training.frame_pool import render_pool

Frames = tuple[np.ndarray, np.ndarray]
"""Images uint8 (N, H, W, 3) and labels uint8 (N, H, W)."""


class PoolTarget(TargetFrames):
    """The first frames of a pool, to train on, and those after them for the gate."""

    def __init__(self, images: np.ndarray, trained: int, looked_at: int, config: ModelConfig) -> None:
        """Take network images, uint8 (N, H, W, 3)."""
        self.images = images
        self.training = np.arange(trained)
        self.held_out = list(np.arange(trained, trained + looked_at)[:, None])  # each is of another street
        self.enlargement = 1 / magnification(config, *images.shape[1:3])
        self.notes: list[str] = []


class RelabelledSource:
    """A source some of whose classes are labelled as others; `SourceFrames`."""

    def __init__(self, source: SourceFrames, relabelled: Mapping[str, str]) -> None:
        self._source, self.table = source, relabelling(relabelled)
        count = len(source.pixel_counts)
        self.pixel_counts = np.stack([count_pixels(self.frame(index)[1], len(STREET_11)) for index in range(count)])

    def frame(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        """One frame."""
        image, labels = self._source.frame(index)
        return image, self.table[labels]


def relabelling(relabelled: Mapping[str, str]) -> np.ndarray:
    """Class ids by class ids, uint8 (256,)."""
    table = np.arange(256, dtype=np.uint8)
    for name, other in relabelled.items():
        table[STREET_11.names.index(name)] = STREET_11.names.index(other) if other else IGNORE
    return table


class RememberedScores:
    """A runtime that runs a network once, and afterwards repeats its class scores with something added to them."""

    name = "torch"
    dtype = torch.float32

    def __init__(self, network: MADM) -> None:
        self._network = network
        self._scores: list[torch.Tensor] = []
        self._next = 0
        self.added = torch.zeros(network.num_classes)

    def __call__(self, images: torch.Tensor) -> torch.Tensor:
        """Class scores (B, K, h, w) of the images, which come in the same order every time."""
        if self._next == len(self._scores):
            self._scores.append(self._network(images).logits.half())  # (B, K, h, w); all frames of a pool are many
        self._next += 1
        return self._scores[self._next - 1].float() + self.added[:, None, None]

    def begin(self, added: Mapping[str, float]) -> None:
        """Begin anew with the first frame.

        Args:
            added: to the scores of which class.
        """
        self._next = 0
        self.added = torch.tensor([added.get(name, 0.0) for name in STREET_11.names])

    def close(self) -> None:
        """Nothing to give back."""


class VersionMaker:
    """Makes the versions of a benchmark that are not there yet, one after the other."""

    def __init__(self, config: GateBenchmarkConfig, folder: Path, device: torch.device) -> None:
        """Render the streets, or use what an earlier call rendered.

        Raises:
            ModelError: a model cannot be read.
        """
        self._config, self._folder, self._device = config, folder, device
        self._model = replace(load_model(config.base_model)[1], input_size=(config.height, config.width))
        self._source = SimulatedSource(config.source, STREET_11, folder / "source")
        self._held_out = held_out_frames(len(self._source.pixel_counts))

    def work_off(self, goes_on: Callable[[str], bool] = lambda made: True) -> bool:
        """Make all versions that are not there.

        Args:
            goes_on: called with every version that was made; False stops, and the next call goes on.

        Returns:
            whether all of them are there.
        """
        frames = {pool.name: self._frames(pool) for pool in self._config.pools}
        for pool, version in self._missing():
            for made in version(frames[pool.name]):
                if not goes_on(f"{pool.name}: {made}"):
                    return next(self._missing(), None) is None
        return True

    def _missing(self) -> Iterator[tuple[GatePool, Callable[[Frames], Iterator[str]]]]:
        """What is not there yet, seed by seed, so that a benchmark cut short has some of every setting."""
        pools = self._config.pools
        for pool in pools:
            if not self._is_there(pool, BASE):
                yield pool, partial(self._base, pool)
        for number in range(max(len(pool.seeds) for pool in pools)):
            for setting in self._config.settings:
                for pool in pools:
                    for seed in pool.seeds[number : number + 1]:
                        if not all(self._is_there(pool, _name(setting, seed, done)) for done in self._due):
                            yield pool, partial(self._train, pool, setting, seed)
            for pool in pools:
                if pool.adapted and not all(self._is_there(pool, _mixed(share)) for share in self._config.mixtures):
                    yield pool, partial(self._mix, pool)

    @property
    def _due(self) -> list[int]:
        """After which iterations of a training there is a version."""
        every = self._config.evaluate_every
        return list(range(every, self._config.iterations + 1, every))

    def _is_there(self, pool: GatePool, name: str) -> bool:
        return predictions.is_written(self.pool_folder(pool), name)

    def pool_folder(self, pool: GatePool) -> Path:
        """Where the predictions of a pool's versions lie."""
        return self._folder / pool.name / "versions"

    def _frames(self, pool: GatePool) -> tuple[np.ndarray, np.ndarray]:
        """Images uint8 (N, H, W, 3) and labels uint8 (N, H, W) of a pool, of the size that the network sees."""
        config = self._config
        wanted = FramePoolConfig(
            *(pool.first_seed, config.streets, 1, config.frame_width, config.frame_height), (pool.modality,)
        )
        rendered = render_pool(wanted, self._folder / pool.name / "frames")
        size = config.width, config.height
        images = [cv2.resize(image, size, interpolation=cv2.INTER_AREA) for image in rendered.images[pool.modality]]
        labels = [cv2.resize(one, size, interpolation=cv2.INTER_NEAREST) for one in rendered.labels]
        return np.stack(images), np.stack(labels)

    def _base(self, pool: GatePool, frames: Frames) -> Iterator[str]:
        """What all others are compared with."""
        network = load_model(self._config.base_model, self._device)[0]
        yield from self._keep(pool, frames, network, Origin(BASE, "base", "base"), None)

    def _mix(self, pool: GatePool, frames: Frames) -> Iterator[str]:
        """Mixtures of the base and an adapted model."""
        network = load_model(self._config.base_model, self._device)[0]
        base, adapted = network.state_dict(), load_model(pool.adapted, self._device)[0].state_dict()
        for share in self._config.mixtures:
            mixed = {
                name: value + share * (adapted[name] - value) if value.is_floating_point() else value
                for name, value in base.items()
            }
            mixed |= {name: mixed[name].clamp_min(1e-5) for name in mixed if name.endswith("running_var")}
            other = copy.deepcopy(network)
            other.load_state_dict(mixed)
            yield from self._keep(pool, frames, other, Origin(_mixed(share), "mixed", f"weights {share:g}"), None)

    def _train(self, pool: GatePool, setting: VersionSetting, seed: int, frames: Frames) -> Iterator[str]:
        """One training with a version every so many iterations; one that was broken off begins anew."""
        # 1. As a job would train
        config = self._config
        network = load_model(config.base_model, self._device)[0]
        defaults = default_settings(self._model, pool.modality, config.iterations, self._device.type == "cuda")
        job = with_options(defaults, {**config.options, **setting.options, "seed": str(seed)})
        target = PoolTarget(frames[0], config.target_streets, config.gate_streets, self._model)
        source = RelabelledSource(self._source, setting.relabelled)
        trainer = SelfTraining(network, STREET_11, JobData(source, target, self._model, job.view), job.training)
        for iteration in range(config.iterations):
            torch.manual_seed(seed * 1_000_003 + iteration)
            trainer.step(iteration)

            # 2. The version there would be now; the teacher is asked at the end, as that takes as long as all the rest
            done = iteration + 1
            if done not in self._due:
                continue
            ensemble = None
            if done == self._due[-1]:
                opinions = ask_teacher(trainer, self._model, target, job, self._device)
                ensemble = np.stack([opinions.labels[int(run[0])] for run in opinions.runs])
            origin = Origin(_name(setting, seed, done), "trained", setting.name, seed, done)
            with trainer.preview() as preview:
                made = list(self._keep(pool, frames, preview, origin, ensemble))
            yield from made

    def _keep(
        self, pool: GatePool, frames: Frames, network: MADM, origin: Origin, ensemble: np.ndarray | None
    ) -> Iterator[str]:
        """Keep what a version and its shifted ones say; gives their names."""
        if self._is_there(pool, origin.name):
            return
        network = copy.deepcopy(network).eval().requires_grad_(False)
        fold_constants(network)
        runtime = RememberedScores(network.to(memory_format=torch.channels_last))
        segmenter = Segmenter(network, self._model, self._device, torch.float32, runtime)
        for added in (*self._config.shifts, {}):  # the version itself last: once it is there, all of them are
            made = origin
            if added:
                text = "+".join(f"{name}{value:+g}" for name, value in added.items())
                made = replace(origin, name=f"{origin.name}-{text}", kind="shifted", setting=text, parent=origin.name)
            runtime.begin(added)
            predictions.write(self.pool_folder(pool), made, self._predict(frames, segmenter, ensemble))
            yield made.name

    def _predict(self, frames: Frames, segmenter: Segmenter, ensemble: np.ndarray | None) -> Predictions:
        config, (images, labels) = self._config, frames
        first = config.target_streets
        after = first + config.gate_streets
        of_gate = [segmenter.segment([images[index]])[0] for index in range(first, after)]
        source = [segmenter.segment([self._source_frame(index)[0]])[0].labels for index in self._held_out]
        truth = [
            predictions.class_counts(
                segmenter.segment([images[index]])[0].labels,
                labels[index],
                len(STREET_11),
            )
            for index in range(after, config.streets)
        ]
        return Predictions(
            np.stack([one.labels for one in of_gate]),
            np.stack([one.confidence for one in of_gate]),
            np.stack(source),
            np.stack(truth),
            np.zeros(0, np.uint8) if ensemble is None else ensemble,
        )

    def _source_frame(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        """A frame of the source, image and labels, of the size that the network sees."""
        image, labels = self._source.frame(int(index))
        size = self._config.width, self._config.height
        labels = cv2.resize(labels, size, interpolation=cv2.INTER_NEAREST)
        return cv2.resize(image, size, interpolation=cv2.INTER_AREA), labels

    def source_labels(self, relabelled: Mapping[str, str]) -> Iterator[np.ndarray]:
        """Labels of those frames as a training with such labels has them, uint8 (H, W)."""
        table = relabelling(relabelled)
        for index in self._held_out:
            yield table[self._source_frame(index)[1]]


def _name(setting: VersionSetting, seed: int, done: int) -> str:
    return f"{setting.name}-seed{seed}-{done}"


def _mixed(share: float) -> str:
    return f"mixed{share:g}"
