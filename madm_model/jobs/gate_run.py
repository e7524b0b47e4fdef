# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""Runs the gate: labels the held-out frames with the running and the new version, and keeps what the report shows."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np
import torch
from torch.nn import functional

from madm_model.adaptation.data.source_frames import SourceFrames
from madm_model.adaptation.data.target_frames import TargetFrames
from madm_model.adaptation.self_training import SelfTraining
from madm_model.evaluation import ConfusionMatrix, occurring_miou
from madm_model.jobs.gate import GateConfig, GateResult, Measures, decide
from madm_model.jobs.gate_classes import ClassTally, LabelledMeasures, region_sizes
from madm_model.jobs.gate_measures import choose_runs, measure_target
from madm_model.jobs.settings import JobSettings
from madm_model.labels import IGNORE, LabelSet
from madm_model.model_config import ModelConfig, network_size
from madm_model.placement import choose_dtype
from madm_model.segmenter import NotFiniteError, Segmenter

if TYPE_CHECKING:
    from madm_model.checkpoint.model_folder import Network

STORED_DTYPE = torch.float16
"""Number format of a version's weights on disk."""
_EXAMPLES = 4


@dataclass(frozen=True)
class Example:
    """A held-out target frame as everyone labels it; all uint8, image (H, W, 3), labels (H, W)."""

    image: np.ndarray
    running: np.ndarray
    new: np.ndarray
    pseudo: np.ndarray
    """The teacher's labels without noise."""
    noisy_pseudo: np.ndarray
    """The teacher's labels with the noise that training began with."""


@dataclass(frozen=True)
class Opinions:
    """What the teacher of an adaptation says about held-out target frames."""

    runs: list[np.ndarray]
    """Indices of the frames, in runs of successive ones."""
    labels: dict[int, np.ndarray]
    """Its ensemble's labels by index, uint8 (H, W)."""
    shown: dict[int, list[np.ndarray]]
    """Of frames that people look at, the labels without noise and with it."""
    noise_step: int
    """Diffusion step of that noise."""


@dataclass
class Evidence:
    """What the gate saw."""

    network: Network
    """The new version, its float32 weights rounded to `STORED_DTYPE`."""
    result: GateResult
    noise_step: int
    """Diffusion step of `noisy_pseudo`."""
    examples: list[Example] = field(default_factory=list)


def ask_teacher(
    trainer: SelfTraining,
    config: ModelConfig,
    target: TargetFrames,
    settings: JobSettings,
    device: torch.device,
    check_stop: Callable[[], None] = lambda: None,
) -> Opinions:
    """Have the teacher label what the gate looks at, while it still shares the trainer's network.

    Args:
        trainer: after its last step.
        config: of its network.
        target: frames; held-out ones are looked at.
        settings: of the job.
        device: where to compute.
        check_stop: called between frames; may raise to stop.
    """
    runs = choose_runs(target.held_out, settings.gate.frames)
    self_training = settings.training.self_training
    noise_step = self_training.dplg.initial_steps[0] if self_training and self_training.dplg else 0
    teacher = _Teacher(trainer, config, device)
    labels: dict[int, np.ndarray] = {}
    for index in (int(index) for run in runs for index in run):
        check_stop()
        labels[index] = teacher.labels(target.images[index], sorted({0, noise_step // 2, noise_step}))
    chosen = [int(run[0]) for run in runs][:: max(1, len(runs) // _EXAMPLES)][:_EXAMPLES]
    shown = {index: [teacher.labels(target.images[index], [step]) for step in (0, noise_step)] for index in chosen}
    return Opinions(runs, labels, shown, noise_step)


def examine(
    network: Network,
    config: ModelConfig,
    running_folder: Path,
    opinions: Opinions,
    source_held_out: np.ndarray,
    source: SourceFrames,
    target: TargetFrames,
    settings: JobSettings,
    device: torch.device,
    precision: str = "auto",
    runtime: str = "auto",
    check_stop: Callable[[], None] = lambda: None,
    labelled: SourceFrames | None = None,
) -> Evidence:
    """Compare a new network with the running version.

    Both are looked at in the runtime and number format that will run: what is fine in float32 may overflow in half
    precision.

    Args:
        network: the new version, float32, in evaluation mode; it is rounded to `STORED_DTYPE`.
        config: of the network.
        running_folder: model folder of the running version.
        opinions: of the adaptation's teacher.
        source_held_out: indices of source frames that were not trained on.
        source: labelled frames.
        target: frames; those of the opinions are looked at.
        settings: of the job.
        device: where to compute.
        precision: number format in which versions segment, as of the segmentation node.
        runtime: what runs versions, as of the segmentation node.
        check_stop: called between frames; may raise to stop.
        labelled: labelled frames of the target, as network images; None without.
    """
    # 1. Both versions on the same frames, one after the other
    network = network.to(STORED_DTYPE).float()  # what is examined is what will be stored
    running = _Version(Segmenter.from_folder(running_folder, str(device), precision, runtime), check_stop)
    tally = make_tally(settings.gate, config.label_set)
    before = running.measure(opinions.runs, target, opinions.labels, source, source_held_out, tally)
    before = replace(before, labelled=running.measure_labelled(labelled, settings.gate))
    running_labels = {index: running.label(target.images[index])[0] for index in opinions.shown}
    running.close()
    new = _Version(as_it_will_run(network, config, device, precision, runtime), check_stop)
    tally = make_tally(settings.gate, config.label_set, tally.sure)
    after = new.measure(opinions.runs, target, opinions.labels, source, source_held_out, tally)
    after = replace(after, labelled=new.measure_labelled(labelled, settings.gate))

    # 2. Verdict, and examples for people
    examples = [
        Example(image, running_labels[index], new.label(image)[0], *pseudo)
        for index, pseudo in opinions.shown.items()
        for image in [np.asarray(target.images[index])]
    ]
    new.close()
    return Evidence(network, decide(before, after, settings.gate), opinions.noise_step, examples)


def make_tally(config: GateConfig, label_set: LabelSet, sure: dict[int, np.ndarray] | None = None) -> ClassTally:
    """Counts the protected classes of a version.

    Args:
        config: of the gate.
        label_set: the classes of the version.
        sure: what the running version is sure of, as its own tally has it; None: this is the running version.

    Raises:
        ValueError: the model lacks a protected class.
    """
    return ClassTally(config.protected(label_set), config.sure_confidence, config.smallest_region, sure)


def as_it_will_run(
    network: Network, config: ModelConfig, device: torch.device, precision: str, runtime: str
) -> Segmenter:
    """A segmenter of a network that stays as it is, in float32."""
    stays_float32 = choose_dtype(precision, device) == torch.float32
    # Modules of its own, to be folded; where nothing is rounded, the weights are the network's own.
    shared = {id(tensor): tensor for tensor in network.state_dict(keep_vars=True).values()} if stays_float32 else {}
    return Segmenter.from_network(copy.deepcopy(network, shared), config, device, precision, runtime)


class _Teacher:
    """The teacher ensemble: its passes at several noise steps, plain and mirrored, averaged."""

    def __init__(self, trainer: SelfTraining, config: ModelConfig, device: torch.device) -> None:
        self._trainer, self._config, self._device = trainer, config, device

    @torch.no_grad()
    def labels(self, image: np.ndarray, steps: list[int]) -> np.ndarray:
        """Labels of an image, uint8 (H, W, 3): uint8 (H, W)."""
        torch.manual_seed(0)  # dropout, where the teacher's mode has it
        height, width = image.shape[:2]
        size = network_size(self._config, height, width)
        small = cv2.resize(np.asarray(image), size[::-1], interpolation=cv2.INTER_AREA)
        pixels = torch.from_numpy(small).to(self._device).permute(2, 0, 1)[None].float() / 127.5 - 1  # (1, 3, h, w)
        total = torch.zeros((), device=self._device)
        for step in steps:
            total = total + self._trainer.opinion(pixels, step).softmax(dim=1)  # (1, K, h, w)
            total = total + self._trainer.opinion(pixels.flip(-1), step).softmax(dim=1).flip(-1)
        total = functional.interpolate(total, size=(height, width), mode="bilinear", align_corners=False)
        return total.argmax(dim=1)[0].to(torch.uint8).cpu().numpy()


class _Version:
    """One version under examination."""

    def __init__(self, segmenter: Segmenter, check_stop: Callable[[], None]) -> None:
        self._segmenter, self._check_stop = segmenter, check_stop
        self._frames = self._not_finite = 0

    def label(self, image: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Labels and confidence, uint8 (H, W) each; unlabelled and 0 where the scores are not finite."""
        self._check_stop()
        self._frames += 1
        try:
            (result,) = self._segmenter.segment([np.asarray(image)])
        except NotFiniteError:
            self._not_finite += 1
            return np.full(image.shape[:2], IGNORE, np.uint8), np.zeros(image.shape[:2], np.uint8)
        return result.labels, result.confidence

    def measure(
        self,
        runs: Sequence[np.ndarray],
        target: TargetFrames,
        opinions: Mapping[int, np.ndarray],
        source: SourceFrames,
        source_held_out: np.ndarray,
        tally: ClassTally,
    ) -> Measures:
        """What the gate decides by.

        Args:
            runs: indices of target frames.
            target: frames.
            opinions: the teacher ensemble's labels by index, uint8 (H, W).
            source: labelled frames.
            source_held_out: indices of the source frames to look at.
            tally: counts the protected classes.
        """
        names = self._segmenter.config.label_set.names
        values = measure_target(
            runs, lambda index: np.asarray(target.images[index]), self.label, opinions.__getitem__, len(names), tally
        )
        miou, class_iou = self._scores(source, source_held_out, len(names))
        protected = tally.measures(dict(zip(names, class_iou)))
        return Measures(*values, miou, 1 - self._not_finite / max(self._frames, 1), protected)

    def measure_labelled(self, frames: SourceFrames | None, config: GateConfig) -> LabelledMeasures | None:
        """Scores on labelled target frames; None without any."""
        if frames is None:
            return None
        label_set = self._segmenter.config.label_set
        count, protected = len(frames.pixel_counts), config.protected(label_set)
        shown = dict.fromkeys(protected, 0)
        for labels in (frames.frame(index)[1] for index in range(count)):
            for name, class_id in protected.items():
                shown[name] += len(region_sizes(labels == class_id, config.smallest_region))
        miou, class_iou = self._scores(frames, np.arange(count), len(label_set))
        often = [name for name in shown if shown[name] >= config.fewest_regions]
        return LabelledMeasures(miou, {name: float(class_iou[protected[name]]) for name in often})

    def _scores(self, source: SourceFrames, indices: np.ndarray, num_classes: int) -> tuple[float, np.ndarray]:
        """mIoU and class IoU (K,) on labelled frames, over the classes that their labels show; NaN without any."""
        matrix = ConfusionMatrix(num_classes)
        for index in indices:
            image, labels = source.frame(int(index))
            matrix.add(self.label(image)[0], labels)
        return occurring_miou(matrix)

    def close(self) -> None:
        self._segmenter.close()
