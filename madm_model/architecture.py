# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""The sizes of a MADM network as data, and the named ones: `sd14`, `tiny` and `small`.

Source: specification sections 1 to 6; `tiny` and `small` are this project's own.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, fields, replace
from typing import Any, ClassVar, TypeVar


@dataclass(frozen=True)
class Architecture:
    """Every number needed to build the network. UNet and VAE fields are named as in diffusers."""

    network: ClassVar[str] = "madm"
    """Its name in config.json."""

    name: str
    """Shown in logs and reports; carries no behaviour."""
    unet_block_out_channels: tuple[int, ...]
    """UNet widths, outermost first."""
    unet_down_block_types: tuple[str, ...]
    """diffusers block names, outermost first; up blocks mirror them."""
    unet_layers_per_block: int
    """Resnet(-attention) pairs per down block; up blocks have one more."""
    unet_attention_heads: int
    """Number of attention heads (diffusers calls it `attention_head_dim`)."""
    unet_norm_num_groups: int
    """GroupNorm groups in the UNet."""
    cross_attention_dim: int
    """Width of a prompt token."""
    prompt_tokens: int
    """Number of prompt tokens."""
    vae_block_out_channels: tuple[int, ...]
    """VAE widths, outermost first; the latent is 2^(n-1) times smaller than the image."""
    vae_layers_per_block: int
    """VAE resnets per encoder block (the decoder has one more)."""
    vae_norm_num_groups: int
    """GroupNorm groups in the VAE."""
    vae_mid_attention: bool
    """Self-attention in the middle of the VAE."""
    latent_scaling: float
    """The VAE mean is multiplied by this to have a standard deviation near 1."""
    projection_bottleneck: int
    """Inner width of the four feature projections."""
    projection_out: tuple[int, int, int, int]
    """Output widths of the projections s0 (decoded image), s3, s4, s5."""
    projection_norm_num_groups: int
    """GroupNorm groups in the projections."""
    head_channels: int
    """Width of the DAFormer head."""
    head_stride: int
    """Image pixels per pixel of the head's fusion; the official network fuses at 1."""

    def __post_init__(self) -> None:
        if len(self.unet_block_out_channels) != 4 or len(self.unet_down_block_types) != 4:
            raise ValueError("MADM taps a UNet of four blocks: give four widths and four block types")
        if len(self.projection_out) != 4:
            raise ValueError("projection_out needs four widths: s0, s3, s4, s5")

    @property
    def latent_stride(self) -> int:
        """Image pixels per latent pixel."""
        return 2 ** (len(self.vae_block_out_channels) - 1)

    @property
    def size_multiple(self) -> int:
        """Network input height and width must be multiples of this."""
        return self.latent_stride * 8

    def to_dict(self) -> dict[str, Any]:
        """Plain data for config.json."""
        return asdict(self)

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Architecture:
        """Read back what `to_dict` wrote.

        Raises:
            ValueError: a field is missing or unknown.
        """
        return read_sizes(cls, data)


_LAYERS = ("unet_layers_per_block", "vae_layers_per_block", "blocks", "depths")
_MOST_LAYERS, _WIDEST, _LONGEST = 64, 1 << 16, 8
"""What no network comes near; one of a million layers would be built for hours."""

SizesT = TypeVar("SizesT")


def read_sizes(kind: type[SizesT], data: dict[str, Any]) -> SizesT:
    """A dataclass of sizes from plain data, whose lists become tuples.

    Raises:
        ValueError: a field is missing, unknown, of another type, or larger than any network's.
    """
    if not isinstance(data, dict):
        raise ValueError("architecture is no object")
    known = {field.name for field in fields(kind)}
    if missing := known - data.keys():
        raise ValueError(f"architecture lacks {', '.join(sorted(missing))}")
    if unknown := data.keys() - known:
        raise ValueError(f"architecture has unknown fields {', '.join(sorted(unknown))}")
    if wrong := [field.name for field in fields(kind) if not _is_size(field.name, str(field.type), data[field.name])]:
        raise ValueError(f"architecture has a wrong value: see {', '.join(wrong)}")
    return kind(**{key: tuple(value) if isinstance(value, list) else value for key, value in data.items()})


def _is_size(name: str, annotation: str, value: Any) -> bool:
    """Whether a value is what a field wants, such as "tuple[int, ...]", and is no size that would never end."""
    inner = annotation.removeprefix("tuple[").split(",")[0].rstrip("]")
    if inner != annotation:
        return isinstance(value, list) and len(value) <= _LONGEST and all(_is_size(name, inner, each) for each in value)
    if inner == "int":
        return type(value) is int and 1 <= value <= (_MOST_LAYERS if name in _LAYERS else _WIDEST)
    if inner == "float":
        return type(value) in (int, float) and 0 < value < math.inf
    return type(value).__name__ == inner


SD14 = Architecture(
    name="sd14",
    unet_block_out_channels=(320, 640, 1280, 1280),
    unet_down_block_types=("CrossAttnDownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D", "DownBlock2D"),
    unet_layers_per_block=2,
    unet_attention_heads=8,
    unet_norm_num_groups=32,
    cross_attention_dim=768,
    prompt_tokens=77,
    vae_block_out_channels=(128, 256, 512, 512),
    vae_layers_per_block=2,
    vae_norm_num_groups=32,
    vae_mid_attention=True,
    latent_scaling=0.18215,
    projection_bottleneck=128,
    projection_out=(128, 512, 512, 512),
    projection_norm_num_groups=32,
    head_channels=256,
    head_stride=1,
)
"""The paper's network: Stable Diffusion v1-4, 949 M parameters."""

TINY = Architecture(
    name="tiny",
    unet_block_out_channels=(32, 64, 128, 128),
    unet_down_block_types=("DownBlock2D", "DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
    unet_layers_per_block=1,
    unet_attention_heads=4,
    unet_norm_num_groups=16,
    cross_attention_dim=64,
    prompt_tokens=8,
    vae_block_out_channels=(8, 16, 32),
    vae_layers_per_block=1,
    vae_norm_num_groups=4,
    vae_mid_attention=False,
    latent_scaling=0.18215,
    projection_bottleneck=32,
    projection_out=(16, 64, 64, 64),
    projection_norm_num_groups=8,
    head_channels=32,
    head_stride=4,
)
"""About 7 M parameters, for CPUs. Its latent is only four times smaller than the image, for thin objects at 320x240."""

SMALL = replace(
    TINY,
    name="small",
    unet_block_out_channels=(96, 192, 384, 384),
    unet_attention_heads=6,
    cross_attention_dim=192,
    projection_bottleneck=64,
    projection_out=(32, 128, 128, 128),
    head_channels=64,
)
"""About 59 M parameters, for a GPU, with the autoencoder of `tiny`, whose trained weights are of use here."""

ARCHITECTURES = {SD14.name: SD14, TINY.name: TINY, SMALL.name: SMALL}
