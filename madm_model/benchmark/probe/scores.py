# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""What a probe measures: how well a UNet tells the noise, and how well a teacher labels under noise."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from madm_model.adaptation.self_training import SelfTraining
from madm_model.evaluation import ConfusionMatrix
from madm_model.evaluation.bootstrap import miou_interval, miou_of
from madm_model.network.madm import MADM
from madm_model.training.denoising import predict_noise
from madm_model.training.frame_pool import FramePool
from madm_model.training.precision import Precision, autocast
from madm_model.training.views import stack_images

_BATCH = 16


@torch.no_grad()
def noise_scores(
    network: MADM, latents: torch.Tensor, steps: Sequence[int], precision: Precision = "float32"
) -> dict[str, dict[str, float]]:
    """How well the UNet predicts the noise in latents, always the same noise.

    Args:
        network: in evaluation mode.
        latents: clean, (N, 4, h, w), on its device.
        steps: diffusion steps.
        precision: autocast type.

    Returns:
        By step, `error`: mean squared error, 1 for a prediction of 0; `correlation`: of prediction and noise.
    """
    scores = {}
    for step in steps:
        generator = torch.Generator().manual_seed(step)
        sums = np.zeros(6)
        for clean in latents.float().split(_BATCH):
            noise = torch.randn(clean.shape, generator=generator).to(clean.device)
            timesteps = torch.full((len(clean),), step, device=clean.device)
            with autocast(clean.device, precision):
                predicted = predict_noise(network, clean, noise, timesteps)
            p, n = predicted.double(), noise.double()
            moments = (p.sum(), n.sum(), (p * p).sum(), (n * n).sum(), (p * n).sum())
            sums += [p.numel(), *(moment.item() for moment in moments)]
        count, p, n, pp, nn, pn = sums
        spread = np.sqrt(max(pp / count - (p / count) ** 2, 0) * max(nn / count - (n / count) ** 2, 0))
        correlation = (pn / count - p * n / count**2) / spread if spread > 0 else 0.0
        scores[str(step)] = {"error": float((pp - 2 * pn + nn) / count), "correlation": float(correlation)}
    return scores


def teacher_scores(
    trainer: SelfTraining,
    pool: FramePool,
    modality: str,
    noise_steps: Sequence[int],
    batch_size: int,
    frames_per_street: int,
) -> dict[str, dict[str, float]]:
    """How well the teacher of a training labels unseen frames under noise, as it labels the target: in its own mode.

    Args:
        trainer: between two steps.
        pool: unseen frames, in the size that the network sees.
        modality: of the pool.
        noise_steps: diffusion steps; the first is the one that others are compared with.
        batch_size: frames at once: a teacher that normalises with its batch wants as many as in training.
        frames_per_street: neighbouring frames, which are drawn together for the interval.

    Returns:
        By step, in percent: `mIoU`; and where it is not the first, `gain` over the first and the ends of its 95 %
        interval over streets, `low` and `high`.
    """
    device, classes = trainer.network.shared_noise.device, trainer.network.num_classes
    streets = len(pool) // frames_per_street
    counts = np.zeros((len(noise_steps), streets, classes + 1, classes), np.int64)
    order = np.random.default_rng(0).permutation(len(pool))  # as in training, a batch has several streets
    for first in range(0, len(order), batch_size):
        indices = order[first : first + batch_size]
        images = stack_images([np.asarray(pool.images[modality][index]) for index in indices]).to(device)
        for row, step in zip(counts, noise_steps):
            torch.manual_seed(first)  # every step has the same dropout
            labels = trainer.opinion(images, step).argmax(1).to("cpu", torch.uint8).numpy()  # (B, H, W)
            for predicted, index in zip(labels, indices):
                matrix = ConfusionMatrix(classes)
                matrix.add(predicted, np.asarray(pool.labels[index]))
                row[index // frames_per_street] += matrix.counts
    return {
        str(step): _score(of_step, counts[0], number > 0)
        for number, (step, of_step) in enumerate(zip(noise_steps, counts))
    }


def _score(counts: np.ndarray, first: np.ndarray, is_compared: bool) -> dict[str, float]:
    score = {"mIoU": 100 * float(miou_of(counts.sum(axis=0)))}
    if is_compared:
        low, high = miou_interval(counts, first)
        gain = score["mIoU"] - 100 * float(miou_of(first.sum(axis=0)))
        score |= {"gain": gain, "low": 100 * low, "high": 100 * high}
    return score
