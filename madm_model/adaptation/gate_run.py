"""Runs the gate: labels the held-out frames with the running and the new version, and keeps what the report shows."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np
import torch
from torch.nn import functional

from madm_model.adaptation.gate import GateResult, Measures, choose_runs, decide, measure_target
from madm_model.adaptation.job_settings import JobSettings
from madm_model.adaptation.self_training import SelfTraining
from madm_model.adaptation.source_frames import SourceFrames
from madm_model.adaptation.target_frames import TargetFrames
from madm_model.evaluation import ConfusionMatrix
from madm_model.model_config import ModelConfig, network_size
from madm_model.network.madm import MADM
from madm_model.segmenter import Segmenter

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


@dataclass
class Evidence:
    """What the gate saw."""

    network: MADM
    """The new version, its float32 weights rounded to `STORED_DTYPE`."""
    result: GateResult
    noise_step: int
    """Diffusion step of `noisy_pseudo`."""
    examples: list[Example] = field(default_factory=list)


def examine(
    trainer: SelfTraining,
    config: ModelConfig,
    running_folder: Path,
    source_held_out: np.ndarray,
    source: SourceFrames,
    target: TargetFrames,
    settings: JobSettings,
    device: torch.device,
    check_stop: Callable[[], None] = lambda: None,
) -> Evidence:
    """Compare a trained network with the running version; the trainer is spent afterwards.

    Args:
        trainer: after its last step.
        config: of the network.
        running_folder: model folder of the running version.
        source_held_out: indices of source frames that were not trained on.
        source: labelled frames.
        target: frames; its held-out ones are looked at.
        settings: of the job.
        device: where to compute.
        check_stop: called between frames; may raise to stop.
    """
    runs = choose_runs(target.held_out, settings.gate.frames)
    self_training = settings.training.self_training
    noise_step = self_training.dplg.initial_steps[0] if self_training and self_training.dplg else 0

    # 1. The teacher's opinion, while it still shares the trainer's network
    teacher = _Teacher(trainer, config, device)
    indices = [int(index) for run in runs for index in run]
    opinions: dict[int, np.ndarray] = {}
    for index in indices:
        check_stop()
        opinions[index] = teacher.labels(target.images[index], sorted({0, noise_step // 2, noise_step}))
    shown = [int(run[0]) for run in runs][:: max(1, len(runs) // _EXAMPLES)][:_EXAMPLES]
    pseudo = {index: [teacher.labels(target.images[index], [step]) for step in (0, noise_step)] for index in shown}

    # 2. Both versions on the same frames
    network = trainer.finish().to(STORED_DTYPE).float()  # what is examined is what will be stored
    new = _Version(Segmenter(network, config, device, torch.float32), check_stop)
    running = _Version(Segmenter.from_folder(running_folder, str(device), "float32"), check_stop)
    measures = []
    for version in (running, new):
        values = measure_target(
            runs,
            lambda index: np.asarray(target.images[index]),
            version.label,
            lambda index: opinions[index],
            len(config.label_set),
        )
        measures.append(Measures(*values, version.source_miou(source, source_held_out, len(config.label_set))))

    # 3. Verdict, and examples for people
    examples = [
        Example(image, running.label(image)[0], new.label(image)[0], *pseudo[index])
        for index in shown
        for image in [np.asarray(target.images[index])]
    ]
    running.close()
    return Evidence(network, decide(measures[0], measures[1], settings.gate), noise_step, examples)


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

    def label(self, image: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Labels and confidence, uint8 (H, W) each."""
        self._check_stop()
        (result,) = self._segmenter.segment([image])
        return result.labels, result.confidence

    def source_miou(self, source: SourceFrames, indices: np.ndarray, num_classes: int) -> float:
        """mIoU on labelled frames; NaN without any."""
        matrix = ConfusionMatrix(num_classes)
        for index in indices:
            image, labels = source.frame(int(index))
            matrix.add(self.label(image)[0], labels)
        return matrix.scores().miou if len(indices) else math.nan

    def close(self) -> None:
        self._segmenter.close()
