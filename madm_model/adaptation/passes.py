# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""The passes of one batch, from images to gradients: source, teacher, mixed, and those of the comparators.

Source: paper section 3, specification sections 8, 9, 12 and 13.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from torch import nn

from madm_model.adaptation.augmentation import augment
from madm_model.adaptation.class_mix import ChooseClasses, MixedBatch, class_mix
from madm_model.adaptation.config import AdaptationConfig, LPLRConfig, SelfTrainingConfig
from madm_model.adaptation.data.batches import LabelledBatch, TargetBatch
from madm_model.adaptation.dplg import draw_noise, draw_noise_step
from madm_model.adaptation.ema_teacher import EMATeacher
from madm_model.adaptation.masked_consistency import hide_blocks
from madm_model.adaptation.paired_teacher import join_paired
from madm_model.adaptation.pixel_contrast import PixelContrast
from madm_model.adaptation.pseudo_labels import Certainty, PseudoLabels
from madm_model.adaptation.step_statistics import TargetStatistics
from madm_model.labels import IGNORE, LabelSet
from madm_model.network.diffusion import record_outputs
from madm_model.network.madm import MADM, MADMOutput
from madm_model.training.label_palette import encode_labels
from madm_model.training.losses import latent_regression_loss, segmentation_loss
from madm_model.training.precision import autocast

_NO_LPLR = LPLRConfig(0.0, 0.0)


class MixedView(NamedTuple):
    """What the last mixed pass saw and said of its first image, for people to look at."""

    target: torch.Tensor
    """(3, H, W) in [-1, 1]: the plain target image."""
    pseudo_labels: torch.Tensor
    """int64 (H, W): the teacher's."""
    mixed: torch.Tensor
    """(3, H, W) in [-1, 1]: the augmented mixed image."""
    mixed_labels: torch.Tensor
    """int64 (H, W), class ids or 255."""
    predicted: torch.Tensor
    """int64 (H, W): the student's labels of the mixed image."""


class BatchGenerators(NamedTuple):
    """One random generator for every purpose, so that none depends on what another is asked for."""

    source: np.random.Generator
    """Which source images, and their crops."""
    target: np.random.Generator
    """The same of the target."""
    noise: np.random.Generator
    """DPLG's step and noise."""
    mix: np.random.Generator
    """The classes that are pasted."""
    augmentation: np.random.Generator
    """Strong augmentation of the mixed image."""
    mask: np.random.Generator
    """Strong augmentation and hidden blocks of the masked image."""
    contrast: np.random.Generator
    """Pixels that are compared."""


def batch_generators(seed: int, iteration: int, batch: int) -> BatchGenerators:
    """The generators of a batch; iterations, and batches of an accumulated step, count from 0."""
    return BatchGenerators(
        *(np.random.default_rng([seed, iteration, batch, purpose]) for purpose in range(len(BatchGenerators._fields)))
    )


class Passes:
    """Adds up the gradients of a batch.

    Attributes:
        view: of the last mixed pass; None before the first.
        certainty: decides which pseudo-labels are certain; None without self-training.

    Args:
        network: the student.
        teacher: labels the target; None without self-training.
        contrast: the head of pixel-wise contrast; None without.
        label_set: the classes.
        config: the method.
        choose_classes: which classes of the source are pasted onto the target.
        scaler: of the loss, for float16.
        batches: of a step in this process, whose gradients are averaged.
        bias: of the classifier by logit adjustment, float32 (K,), which losses are without, but where pseudo-labels
            have it; None: none.
    """

    def __init__(
        self,
        network: MADM,
        teacher: EMATeacher | None,
        contrast: PixelContrast | None,
        label_set: LabelSet,
        config: AdaptationConfig,
        choose_classes: ChooseClasses,
        scaler: torch.amp.GradScaler,
        batches: int,
        bias: torch.Tensor | None = None,
    ) -> None:
        self._network, self._teacher, self._contrast, self._label_set = network, teacher, contrast, label_set
        self._config, self._choose_classes, self._scaler, self._batches = config, choose_classes, scaler, batches
        self._lplr = config.lplr or _NO_LPLR
        self._device = network.shared_noise.device
        self._unbiased = None if bias is None else -bias.to(self._device)[:, None, None]  # (K, 1, 1)
        self._unlabelled = None if config.adjusted_labels else self._unbiased  # likewise, of pseudo-labels
        self.certainty = None
        if config.self_training is not None:
            self.certainty = Certainty(config.self_training, network.num_classes, self._device)
        self.view: MixedView | None = None

    def run(
        self,
        source: LabelledBatch,
        target: torch.Tensor | None,
        iteration: int,
        rngs: BatchGenerators,
        paired: TargetBatch | None = None,
    ) -> tuple[dict[str, float], TargetStatistics | None]:
        """Stages 2 to 7 of an iteration. B images of H x W, K classes, latent h x w.

        Args:
            source: images (B, 3, H, W) and labels (B, H, W), on the network's device; labelled target images are
                trained on as the others.
            target: images (B, 3, H, W); None without self-training.
            iteration: counted from 0.
            rngs: decide noise, mixing, augmentation and what comparators choose.
            paired: the same target images with a second teacher's labels; None without.

        Returns:
            The losses, weights included, and what was seen of the target.
        """
        # 2. Source pass: the supervised losses
        values = self._source_pass(source, rngs)  # its gradients first: that frees its memory before the next pass
        if self._teacher is None or self._config.self_training is None:
            return values, None
        assert target is not None and self.certainty is not None
        config: SelfTrainingConfig = self._config.self_training

        # 3. Teacher pass on the plain target image, its latent under annealed noise (DPLG)
        noise_step = draw_noise_step(config.dplg, iteration, rngs.noise)
        noise = draw_noise(config.dplg, noise_step, self._network.latent_shape(target), rngs.noise)  # (B, 4, h, w)
        with autocast(self._device, self._config.resources.precision):
            logits = self._teacher.logits(target, noise_step, noise)  # (B, K, H, W)

        # 4. Pseudo-labels of all pixels, and their weight
        if self._unlabelled is not None:
            logits = logits + self._unlabelled
        pseudo = self.certainty.label(logits)  # labels and weight (B, H, W)
        joined = join_paired(pseudo, paired) if paired is not None else None
        pseudo = joined.pseudo if joined is not None else pseudo

        # 5. Source pixels of half the classes go onto the target
        mixed = class_mix(
            *(source.images, source.labels, target, pseudo.labels, pseudo.weight, rngs.mix, self._choose_classes)
        )

        # 6. Strong augmentation, of the mixed image only
        mixed_images = augment(mixed.images, config.augmentation, rngs.augmentation)  # (B, 3, H, W)

        # 7. Mixed pass: the target's losses; and, as a comparator, the masked pass
        mixed_values, pseudo_loss = self._mixed_pass(target, mixed_images, mixed, pseudo)
        values |= mixed_values
        if config.masked_consistency is not None:
            values |= self._masked_pass(target, pseudo, rngs.mask)

        histogram = torch.bincount(mixed.labels[mixed.labels != IGNORE], minlength=self._network.num_classes)
        segmentation = sum(values.get(f"{kind}_segmentation", 0.0) for kind in ("source", "labelled", "target"))
        return values, TargetStatistics(
            noise_step,
            pseudo.quality,
            pseudo.confidence,
            mixed.pasted_share,
            histogram.cpu().numpy(),
            pseudo_loss / max(segmentation, 1e-12),
            dict(zip(self._label_set.names, pseudo.certain.tolist())),
            {} if joined is None else {"paired_share": joined.share, "paired_agreement": joined.agreement},
        )

    def _source_pass(self, source: LabelledBatch, rngs: BatchGenerators) -> dict[str, float]:
        images, labels, of_target = source
        compared = list(self._network.projections)[1:] if self._contrast is not None else []
        with record_outputs(compared) as features:  # each (B, C_i, h_i, w_i)
            output = self._forward(images)  # logits (B, K, H, W), latent (B, 4, h, w)
        if of_target is None:
            losses = {"source_segmentation": segmentation_loss(output.logits, labels, offset=self._unbiased)}
        else:  # the same sum, in two parts
            is_labelled = (torch.arange(len(labels), device=self._device) < of_target)[:, None, None]  # (B, 1, 1)
            losses = {
                f"{kind}_segmentation": segmentation_loss(output.logits, labels, part, self._unbiased)
                for kind, part in (("source", ~is_labelled), ("labelled", is_labelled))
            }
        if self._lplr.source_weight:
            losses["source_regression"] = self._lplr.source_weight * self._regression(output, labels)
        if self._contrast is not None:
            losses["source_contrast"] = self._contrast(features, labels, output.logits.argmax(1), rngs.contrast)
        return self._backward(losses)

    def _mixed_pass(
        self, target: torch.Tensor, images: torch.Tensor, mixed: MixedBatch, pseudo: PseudoLabels
    ) -> tuple[dict[str, float], float]:
        """The target's losses, and how much of the segmentation's is the pseudo-labels'."""
        output = self._forward(images)
        predicted = output.logits[0].detach().argmax(0)
        self.view = MixedView(target[0], pseudo.labels[0], images[0], mixed.labels[0], predicted)
        # Pseudo-labels may have the classifier's bias in them, the labels of the pasted pixels do not
        offset = self._unlabelled
        if self._unbiased is not None and offset is None:
            offset = self._unbiased * mixed.pasted[:, None]  # (B, K, H, W)
        loss = segmentation_loss(output.logits, mixed.labels, mixed.pixel_weight, offset)
        losses = {"target_segmentation": loss}
        if self._lplr.target_weight:
            regression = self._regression(output, mixed.labels, pseudo.quality)
            losses["target_regression"] = self._lplr.target_weight * regression
        with torch.no_grad():
            weight = mixed.pixel_weight * ~mixed.pasted  # (B, H, W)
            pseudo_loss = segmentation_loss(output.logits.detach(), mixed.labels, weight, offset).item()
        return self._backward(losses), pseudo_loss

    def _masked_pass(self, target: torch.Tensor, pseudo: PseudoLabels, rng: np.random.Generator) -> dict[str, float]:
        """MIC: the pseudo-labels again, on the target image with blocks hidden."""
        assert self._config.self_training is not None
        config = self._config.self_training.masked_consistency
        assert config is not None
        images = hide_blocks(augment(target, self._config.self_training.augmentation, rng), config, rng)
        logits = self._forward(images).logits
        loss = segmentation_loss(logits, pseudo.labels, pseudo.weight, self._unlabelled)
        return self._backward({"masked_segmentation": config.weight * loss})

    def _forward(self, images: torch.Tensor) -> MADMOutput:
        """The student's clean pass (t = 0), its results in float32."""
        with autocast(self._device, self._config.resources.precision):
            output = self._network(images)
        return MADMOutput(output.logits.float(), output.latent.float(), output.decoded)

    def _regression(self, output: MADMOutput, labels: torch.Tensor, quality: float = 1.0) -> torch.Tensor:
        """Latent regression of the painted labels (LPLR), labels (B, H, W)."""
        with autocast(self._device, self._config.resources.precision):
            scaling = self._network.architecture.latent_scaling
            target = encode_labels(self._network.vae, scaling, labels, self._label_set)  # (B, 4, h, w)
        return latent_regression_loss(output.latent, target.float(), labels, quality)

    def _backward(self, losses: dict[str, torch.Tensor]) -> dict[str, float]:
        """Add the gradients of a pass; gives the losses' values."""
        total = sum(losses.values(), torch.zeros((), device=self._device))
        self._scaler.scale(total / self._batches).backward()
        return {name: loss.item() for name, loss in losses.items()}


def gradient_norm(part: nn.Module) -> float:
    """Global L2 norm of a module's gradients."""
    gradients = [parameter.grad for parameter in part.parameters() if parameter.grad is not None]
    return float(nn.utils.get_total_norm(gradients))
