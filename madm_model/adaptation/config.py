# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""Every setting of an adaptation, the released code's values per modality, and the paper's ablation rows.

Where the paper and the released code disagree, the default is the code's way; `paper_config` has the paper's, and each
field that differs says which is which (specification section 18).
"""

from __future__ import annotations

from dataclasses import field, replace
from enum import Enum
from typing import Annotated, Literal

from pydantic import Field

from madm_model.settings import settings
from madm_model.training.config import OptimizerConfig, Precision

TeacherMode = Literal["train", "no_dropout", "eval"]
NoiseSource = Literal["fixed", "sampled"]
Certainty = Literal["image", "class"]

_Share = Annotated[float, Field(ge=0, le=1)]
_Count = Annotated[int, Field(ge=1)]
_NotNegative = Annotated[int, Field(ge=0)]


@settings
class DPLGConfig:
    """Diffusion-based pseudo-label generation: noise on the teacher's latent, annealed to none."""

    initial_steps: tuple[int, int] = (60, 61)
    """Smallest and largest diffusion step at iteration 0, both included; officially T and T + 1."""
    noise_period: _Count = 5000
    """Iterations E over which the step falls linearly to 0."""
    noise: NoiseSource = "fixed"
    """fixed (released code): the one noise tensor of the network, every time. sampled (paper, equation 1): a fresh one
    for every image."""

    def __post_init__(self) -> None:
        low, high = self.initial_steps
        if not 0 <= low <= high <= 999:
            raise ValueError(f"initial_steps must be rising diffusion steps of 0 to 999, not {self.initial_steps}")


@settings
class LPLRConfig:
    """Label palette and latent regression: weights of the regression losses."""

    source_weight: Annotated[float, Field(ge=0)] = 1.0
    """Weight of the regression of the source's labels."""
    target_weight: Annotated[float, Field(ge=0)] = 1.0
    """Weight of the regression of the mixed image's labels; 0 leaves that branch out."""


@settings
class AugmentationConfig:
    """Strong augmentation of the mixed image (specification section 13.2)."""

    jitter_probability: _Share = 0.8
    """Probability of colour jitter."""
    jitter_strength: Annotated[float, Field(ge=0, le=0.5)] = 0.2
    """Largest change of brightness, contrast, saturation (as factors around 1) and hue (in turns)."""
    blur_probability: _Share = 0.5
    """Probability of Gaussian blur."""
    blur_sigma: tuple[float, float] = (0.15, 1.15)
    """Smallest and largest standard deviation of the blur in pixels."""

    def __post_init__(self) -> None:
        if not 0 < self.blur_sigma[0] <= self.blur_sigma[1]:
            raise ValueError("blur_sigma must be a rising pair above 0")


@settings
class TeacherConfig:
    """How the teacher follows the student, and how it labels."""

    momentum: _Share = 0.999
    """Largest share of its own weights that the teacher keeps per iteration."""
    average_unet: bool = False
    """False (released code): teacher and student share the UNet. True (paper, section 3.2): the teacher averages
    the UNet too, which costs the memory of a second one."""
    mode: TeacherMode = "train"
    """train (released code): dropout acts and BatchNorm uses the batch. no_dropout (as DAFormer): dropout off,
    BatchNorm uses the batch. eval: dropout off, BatchNorm uses the student's running statistics."""


@settings
class MaskedConsistencyConfig:
    """Masked image consistency (Hoyer et al., "MIC", CVPR 2023): the student labels a target image of which most is
    hidden, and learns the teacher's pseudo-labels there too. Defaults as released."""

    mask_ratio: Annotated[float, Field(ge=0, lt=1)] = 0.7
    """Probability of a block to be hidden."""
    block_size: _Count = 64
    """Side of a block in pixels of a 512x512 crop; on other crops it is as large a part of the shorter side. The
    released 64 are of crops of 1024x1024: 32 is as large a part of one of 512x512."""
    weight: Annotated[float, Field(gt=0)] = 1.0
    """Weight of the masked image's cross entropy, beside the pseudo-labels' quality."""


@settings
class PixelContrastConfig:
    """Pixel-wise contrast of the source (Chen et al., "PiPa", ACM MM 2023; the patch-wise part is left out): features
    of one class are drawn together, those of others apart. Defaults as released."""

    weight: Annotated[float, Field(gt=0)] = 0.1
    """Weight of the contrastive loss."""
    temperature: Annotated[float, Field(gt=0)] = 0.1
    """Temperature of the similarities."""
    base_temperature: Annotated[float, Field(gt=0)] = 0.07
    """The loss is multiplied by temperature / base_temperature."""
    max_samples: Annotated[int, Field(ge=2)] = 1024
    """Pixels compared in one batch at most."""
    max_views: Annotated[int, Field(ge=2)] = 100
    """Pixels of one class of one image at most; a class with no more than these is left out."""
    embedding: _Count = 256
    """Channels of the compared features."""


@settings
class SelfTrainingConfig:
    """The target branch: pseudo-labels, mixing, teacher."""

    pseudo_threshold: _Share = 0.968
    """Softmax probability from which a pixel counts as certain in any case."""
    certainty: Certainty = "image"
    """image (paper): all pixels weigh as much as the share of them that reaches the threshold. class: a pixel counts
    if it reaches the threshold or is among the surest of its class, and others do not."""
    certain_share: Annotated[float, Field(gt=0, le=1)] = 0.5
    """With certainty class: share of the pixels of every class that count as certain."""
    dplg: DPLGConfig | None = field(default_factory=DPLGConfig)
    """Noise of the teacher's pass; None labels without annealed noise (t = 0)."""
    augmentation: AugmentationConfig | None = field(default_factory=AugmentationConfig)
    """Augmentation of the mixed image; None leaves it as it is."""
    teacher: TeacherConfig = field(default_factory=TeacherConfig)
    """Averaging and mode of the teacher."""
    masked_consistency: MaskedConsistencyConfig | None = None
    """Masked image consistency, a comparator; None (MADM) does without."""
    pixel_contrast: PixelContrastConfig | None = None
    """Pixel-wise contrast of the source, a comparator; None (MADM) does without."""


@settings
class LoRAConfig:
    """Low-rank adapters on the UNet in place of training all of it."""

    rank: _Count = 16
    """Rank of every adapter; its scale is 1."""
    targets: Annotated[tuple[str, ...], Field(min_length=1)] = (
        *("to_q", "to_k", "to_v", "to_out.0", "ff.net.0.proj", "ff.net.2", "proj_in", "proj_out"),
        *("conv1", "conv2", "conv_shortcut"),
    )
    """Names of the UNet's layers that get one: attention, feed-forward and residual convolutions."""


@settings
class ResourceConfig:
    """What it costs to train: memory against speed and exactness. The defaults change nothing about the numbers."""

    precision: Precision = "float32"
    """Autocast type of the passes; float16 (as officially) needs CUDA and scales the loss."""
    half_frozen: bool = False
    """Keep frozen weights (VAE, and the UNet under LoRA) in the autocast type during training: less GPU memory;
    officially so for the VAE. For bfloat16, 2 bytes a weight of main memory keep what it rounds off."""
    gradient_checkpointing: bool = False
    """Recompute the UNet's activations in the backward pass: less memory, slower."""
    lora: LoRAConfig | None = None
    """Adapters on the UNet; None trains all of it, as officially."""
    accumulation: _Count = 1
    """Batches whose gradients are averaged before an optimiser step; several processes share them."""
    eight_bit_optimizer: bool = False
    """bitsandbytes' AdamW with 8-bit state; needs that package and CUDA."""


@settings
class AdaptationConfig:
    """One training: the method, its optimiser and its cost. Defaults are the released ones for depth."""

    iterations: _Count = 10_000
    """Optimiser steps."""
    seed: _NotNegative = 42
    """Seeds batches, noise steps, mixing, augmentation and dropout."""
    dropout: _Share = 0.1
    """Probability of the head's channel dropout, student and teacher."""
    self_training: SelfTrainingConfig | None = field(default_factory=SelfTrainingConfig)
    """The target branch; None trains on the labelled source alone."""
    logit_adjustment: Annotated[float, Field(ge=0, le=1)] = 0.0
    """Strength of the adjustment of the scores to classes of equal share (Menon et al., 2021), which the trained model
    keeps: 0 (paper): none, 1: whole. Rare classes are found more often, and more often in error."""
    logit_prior: Literal["source", "pseudo_labels"] = "source"
    """Whose shares the adjustment takes: of the labelled source; or of the labels that the network gives the target
    before the training."""
    adjusted_labels: bool = False
    """Whether the teacher labels the target with adjusted scores, too. False: the training is as without adjustment."""
    lplr: LPLRConfig | None = field(default_factory=LPLRConfig)
    """Latent regression; None leaves it out. The network still decodes the UNet's output and shows it to the head."""
    clean_noise: bool = True
    """True (released code): passes at step 0 have its noise too (sigma 0.029), live ones included. False (paper,
    section 3.1): they have none; the noise tensor is zero from then on, in the trained model too."""
    train_unet_output: bool = False
    """False (released code): the UNet's conv_norm_out and conv_out stay as they are. True (paper): the whole UNet is
    trained. LoRA leaves them as they are in any case."""
    optimizer: OptimizerConfig = field(default_factory=OptimizerConfig)
    """Learning rate, decay, clipping and schedule."""
    averaged_share: _Share = 0.0
    """Share of the iterations, the last ones, over which the trained weights are averaged; 0 (paper): none, the trained
    weights are those of the last step."""
    target_norm_batches: _NotNegative = 0
    """Target batches from which the head's BatchNorm statistics are taken after the last step; 0 keeps those of the
    training (officially so)."""
    source_norm_batches: _NotNegative = 0
    """Source batches that count as much beside them, as the source's do in the training."""
    resources: ResourceConfig = field(default_factory=ResourceConfig)
    """Precision, memory and accumulation."""

    def __post_init__(self) -> None:
        dplg = self.self_training.dplg if self.self_training else None
        if not self.clean_noise and dplg is not None and dplg.noise == "fixed":
            raise ValueError("without clean_noise there is no fixed noise for DPLG: set dplg.noise to sampled")


def official_config(modality: str) -> AdaptationConfig:
    """The released configuration of a target modality (specification sections 8 and 9.4).

    Args:
        modality: depth (T 60, E 5000), thermal or event (T 50, E 8000). Event regresses the source's labels only,
            with weight 20; depth and thermal both branches with weight 1.

    Raises:
        ValueError: the modality has no released configuration.
    """
    if modality == "depth":
        return AdaptationConfig()
    if modality == "thermal":
        return AdaptationConfig(self_training=SelfTrainingConfig(dplg=DPLGConfig((50, 51), 8000)))
    if modality == "event":
        self_training = SelfTrainingConfig(dplg=DPLGConfig((50, 51), 8000))
        return AdaptationConfig(self_training=self_training, lplr=LPLRConfig(20.0, 0.0))
    raise ValueError(f"no released configuration adapts to '{modality}': use depth, thermal or event")


def paper_config(modality: str) -> AdaptationConfig:
    """As `official_config`, but the paper's way where the two disagree, see `as_in_the_paper`."""
    return as_in_the_paper(official_config(modality), modality)


def as_in_the_paper(config: AdaptationConfig, modality: str) -> AdaptationConfig:
    """The paper's way where it differs from the released code's (specification section 18, rows 1-3, 6, 7, 9).

    The teacher averages the UNet too, DPLG's noise is sampled, clean passes have none, all of the UNet is trained, and
    event regresses both branches with weight 10. What a configuration does without, it still does without.
    """
    self_training = config.self_training
    if self_training is not None:
        dplg = replace(self_training.dplg, noise="sampled") if self_training.dplg is not None else None
        teacher = replace(self_training.teacher, average_unet=True)
        self_training = replace(self_training, dplg=dplg, teacher=teacher)
    lplr = LPLRConfig(10.0, 10.0) if modality == "event" and config.lplr is not None else config.lplr
    return replace(config, self_training=self_training, lplr=lplr, clean_noise=False, train_unet_output=True)


class AblationRow(str, Enum):
    """The rows of the paper's Table 2, and two trainings on the source alone before them."""

    SOURCE_ONLY = "source-only"
    """Supervised on the source, nothing else."""
    SOURCE_NORM = "source-norm"
    """The same, but with the norm statistics of the target, which the rows below take as well: what these bring."""
    BASELINE = "baseline"
    """Self-training without DPLG and LPLR."""
    DPLG = "dplg"
    """Baseline with DPLG."""
    LPLR = "lplr"
    """Baseline with LPLR."""
    MADM = "madm"
    """All of it."""


def ablation(config: AdaptationConfig, row: AblationRow) -> AdaptationConfig:
    """What remains of a full configuration in one row of the ablation.

    Raises:
        ValueError: the configuration lacks self-training, DPLG or LPLR, which a row would have to keep.
    """
    if config.self_training is None or config.self_training.dplg is None or config.lplr is None:
        raise ValueError("an ablation starts from a configuration with self-training, DPLG and LPLR")
    if row is AblationRow.SOURCE_ONLY:
        return replace(config, self_training=None, lplr=None, target_norm_batches=0)
    if row is AblationRow.SOURCE_NORM:
        return replace(config, self_training=None, lplr=None)
    if row in (AblationRow.BASELINE, AblationRow.LPLR):
        config = replace(config, self_training=replace(config.self_training, dplg=None))
    if row in (AblationRow.BASELINE, AblationRow.DPLG):
        config = replace(config, lplr=None)
    return config
