# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""MADM: one pass of a diffusion UNet, with its features and its decoded output fused into a segmentation.

Source: "Unsupervised Modality Adaptation with Text-to-Image Diffusion Models for Semantic Segmentation" (NeurIPS 2024)
as released; specification sections 1 to 7 and 10.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import nn

from madm_model.architecture import Architecture
from madm_model.network.condition import Condition, make_uncond_inputs
from madm_model.network.daformer_head import DAFormerHead
from madm_model.network.diffusion import build_scheduler, build_unet, build_vae, record_outputs, tapped_modules
from madm_model.network.noise import add_noise, make_shared_noise
from madm_model.network.projections import Bottleneck


def fresh_own_parts(architecture: Architecture, num_classes: int) -> tuple[Condition, nn.ModuleList, DAFormerHead]:
    """What MADM adds to Stable Diffusion, with fresh weights: condition, projections (s0, s3, s4, s5), head."""
    widths = architecture.unet_block_out_channels
    condition = Condition(architecture.prompt_tokens, architecture.cross_attention_dim, 4 * widths[0])
    projections = nn.ModuleList(
        Bottleneck(
            in_channels, architecture.projection_bottleneck, out_channels, architecture.projection_norm_num_groups
        )
        for in_channels, out_channels in zip((3, *widths[:3]), architecture.projection_out)
    )
    return condition, projections, DAFormerHead(architecture.projection_out, architecture.head_channels, num_classes)


@dataclass
class MADMOutput:
    """What one forward pass gives, for images (B, 3, H, W)."""

    logits: torch.Tensor
    """Class scores, (B, K, H, W)."""
    latent: torch.Tensor
    """UNet output, (B, 4, h, w): the regressed latent of the label image, scaled as the VAE's latents are."""
    decoded: torch.Tensor
    """VAE-decoded label image, (B, 3, H, W), nominally in [-1, 1] but not clipped; carries no gradient."""


class MADM(nn.Module):
    """The whole network, with fresh weights; nothing is downloaded.

    Sub-modules: `unet` and `vae` (diffusers), `condition`, `projections` (s0, s3, s4, s5), `head`.
    Buffers: `shared_noise` (1, 4, 64, 64) and `uncond_inputs` (1, tokens, width), the empty prompt's embedding,
    which holds seeded noise until a checkpoint brings the real one (`condition.make_uncond_inputs`).

    Args:
        architecture: sizes of every part.
        num_classes: number of classes K.
    """

    def __init__(self, architecture: Architecture, num_classes: int) -> None:
        super().__init__()
        self.architecture = architecture
        self.num_classes = num_classes
        self.unet = build_unet(architecture)
        self.vae = build_vae(architecture)
        self.scheduler = build_scheduler()

        self.condition, self.projections, self.head = fresh_own_parts(architecture, num_classes)

        self.shared_noise: torch.Tensor
        self.uncond_inputs: torch.Tensor
        self.register_buffer("shared_noise", make_shared_noise())
        self.register_buffer(
            "uncond_inputs", make_uncond_inputs(architecture.prompt_tokens, architecture.cross_attention_dim)
        )

    def _apply(self, fn: Callable[[torch.Tensor], torch.Tensor], recurse: bool = True) -> MADM:
        """The scheduler's table goes where the weights go. It would follow with the first noise by itself, and be lost
        if that is while a compiler traces the network."""
        super()._apply(fn, recurse)
        if (device := self.shared_noise.device).type != "meta":
            self.scheduler.alphas_cumprod = self.scheduler.alphas_cumprod.to(device)
        return self

    def forward(self, images: torch.Tensor, timestep: int = 0, noise: torch.Tensor | None = None) -> MADMOutput:
        """Segment a batch.

        Args:
            images: (B, 3, H, W) in [-1, 1]; H and W are multiples of `architecture.size_multiple`.
            timestep: diffusion step of noise and UNet, 0 to 999; only the teacher's pass of DPLG is above 0.
            noise: (B, 4, h, w) in place of the shared noise.

        Raises:
            ValueError: H or W is not such a multiple.
        """
        # 1. Image to latent, deterministic
        clean = self.encode(images)  # (B, 4, h, w)

        # 2. Noise, at t = 0 too
        noise = self.shared_noise if noise is None else noise
        noisy = add_noise(self.scheduler, clean, noise, timestep)  # (B, 4, h, w)

        # 3. One UNet pass: label latent, and features at 1, 1/2 and 1/4 of the latent's size
        latent, taps = self.denoise(noisy, timestep)  # (B, 4, h, w); s3, s4, s5

        # 4. Label latent to label image
        decoded = self.decode(latent)  # (B, 3, H, W)

        # 5. Fuse the label image and the features
        logits = self.classify(decoded, taps)  # (B, K, H, W)
        return MADMOutput(logits, latent, decoded)

    def latent_shape(self, images: torch.Tensor) -> tuple[int, int, int, int]:
        """(B, 4, h, w) of images (B, 3, H, W)."""
        stride = self.architecture.latent_stride
        return images.shape[0], self.shared_noise.shape[1], images.shape[-2] // stride, images.shape[-1] // stride

    @torch.no_grad()
    def encode(self, images: torch.Tensor) -> torch.Tensor:
        """VAE mean latent of images (B, 3, H, W) in [-1, 1], scaled to unit variance: (B, 4, h, w), no gradient."""
        multiple = self.architecture.size_multiple
        if images.shape[-2] % multiple or images.shape[-1] % multiple:
            raise ValueError(f"image size {tuple(images.shape[-2:])} is not a multiple of {multiple}")
        return self.vae.encode(images).latent_dist.mean * self.architecture.latent_scaling

    def denoise(self, noisy: torch.Tensor, timestep: int) -> tuple[torch.Tensor, list[torch.Tensor]]:
        """One UNet pass under the learned condition, with gradient.

        Args:
            noisy: (B, 4, h, w).
            timestep: 0 to 999.

        Returns:
            The UNet's output (B, 4, h, w), and its features s3 (B, w0, h, w), s4 (B, w1, h/2, w/2),
            s5 (B, w2, h/4, w/4), with w0 to w2 the UNet's widths.
        """
        batch = noisy.shape[0]
        condition = self.condition(self.uncond_inputs)
        with record_outputs(tapped_modules(self.unet)) as taps:
            latent = self.unet(
                noisy,
                timestep,
                encoder_hidden_states=condition.prompt.expand(batch, -1, -1),
                class_labels=condition.time.expand(batch, -1),
            ).sample
        return latent, taps

    @torch.no_grad()
    def decode(self, latent: torch.Tensor) -> torch.Tensor:
        """VAE-decoded image (B, 3, H, W) of a scaled latent (B, 4, h, w), unclipped, no gradient."""
        return self.vae.decode(latent / self.architecture.latent_scaling).sample

    def classify(self, decoded: torch.Tensor, taps: Sequence[torch.Tensor]) -> torch.Tensor:
        """Project and fuse the four features.

        Args:
            decoded: label image, (B, 3, H, W); averaged over `head_stride` pixels before its projection.
            taps: s3, s4, s5 from `denoise`.

        Returns:
            Logits, (B, K, H, W).
        """
        stride = self.architecture.head_stride
        finest = F.avg_pool2d(decoded, stride) if stride > 1 else decoded
        features = [project(feature) for project, feature in zip(self.projections, (finest, *taps))]
        logits = self.head(features)
        if stride > 1:
            logits = F.interpolate(logits, size=decoded.shape[-2:], mode="bilinear", align_corners=False)
        return logits

    def make_teacher(self) -> MADM:
        """A teacher: a MADM that shares this one's UNet and VAE and owns copies of all else, without gradient.

        Specification section 11: condition, projections and head of the teacher follow the student as an
        exponential moving average; the UNet is the student's own.
        """
        shared = {id(module): module for module in (self.unet, self.vae)}
        teacher = copy.deepcopy(self, shared)
        for part in teacher.averaged_modules():
            part.requires_grad_(False)
        return teacher

    def averaged_modules(self) -> tuple[nn.Module, nn.Module, nn.Module]:
        """The parts a teacher averages: condition, projections, head."""
        return self.condition, self.projections, self.head

    def freeze_fixed_parts(self) -> None:
        """Stop gradients of what the released training keeps: the VAE, and the UNet's conv_norm_out and conv_out.

        Source: specification section 10.
        """
        for part in (self.vae, self.unet.conv_norm_out, self.unet.conv_out):
            part.requires_grad_(False)
