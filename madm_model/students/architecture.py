# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""The sizes of student networks as data, and the named ones."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, ClassVar

from madm_model.architecture import read_sizes


@dataclass(frozen=True)
class SwiftNetArchitecture:
    """A convolutional network in the manner of SwiftNet-RN18; see `swiftnet`."""

    network: ClassVar[str] = "swiftnet"
    """Its name in config.json."""
    size_multiple: ClassVar[int] = 32
    """Network input height and width must be multiples of this."""

    name: str
    """Shown in logs and reports; carries no behaviour."""
    widths: tuple[int, int, int, int]
    """Channels of the residual stages at 1/4, 1/8, 1/16 and 1/32 of the image's size."""
    blocks: tuple[int, int, int, int]
    """Residual blocks of each stage."""
    decoder_width: int
    """Channels of the way up; must be divisible by 4."""

    def __post_init__(self) -> None:
        if len(self.widths) != 4 or len(self.blocks) != 4 or min(*self.widths, *self.blocks, self.decoder_width) < 1:
            raise ValueError("widths and blocks need four values above 0 each, decoder_width one")
        if self.decoder_width % 4:
            raise ValueError(f"decoder_width {self.decoder_width} is not divisible by 4")

    def to_dict(self) -> dict[str, Any]:
        """Plain data for config.json."""
        return asdict(self)

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> SwiftNetArchitecture:
        """Read back what `to_dict` wrote.

        Raises:
            ValueError: a field is missing, unknown or has a wrong value.
        """
        return read_sizes(cls, data)


@dataclass(frozen=True)
class SegformerArchitecture:
    """A SegFormer of transformers, fields named as there; Xie et al., "SegFormer", NeurIPS 2021."""

    network: ClassVar[str] = "segformer"
    """Its name in config.json."""
    size_multiple: ClassVar[int] = 32
    """Network input height and width must be multiples of this."""

    name: str
    """Shown in logs and reports; carries no behaviour."""
    hidden_sizes: tuple[int, int, int, int]
    """Channels of the stages at 1/4, 1/8, 1/16 and 1/32 of the image's size."""
    depths: tuple[int, int, int, int]
    """Transformer blocks of each stage."""
    decoder_hidden_size: int
    """Width of the decoder, which fuses at 1/4."""

    def __post_init__(self) -> None:
        if len(self.hidden_sizes) != 4 or len(self.depths) != 4 or min(*self.depths, self.decoder_hidden_size) < 1:
            raise ValueError("hidden_sizes and depths need four values above 0 each, decoder_hidden_size one")
        if wrong := [size for size, heads in zip(self.hidden_sizes, SEGFORMER_HEADS) if size < 1 or size % heads]:
            raise ValueError(f"hidden_sizes must be multiples of the heads {SEGFORMER_HEADS}: not {wrong}")

    def to_dict(self) -> dict[str, Any]:
        """Plain data for config.json."""
        return asdict(self)

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> SegformerArchitecture:
        """Read back what `to_dict` wrote.

        Raises:
            ValueError: a field is missing, unknown or has a wrong value.
        """
        return read_sizes(cls, data)


SEGFORMER_HEADS = (1, 2, 5, 8)
"""Attention heads of the stages, of every SegFormer."""

StudentArchitecture = SwiftNetArchitecture | SegformerArchitecture

SWIFTNET = SwiftNetArchitecture("swiftnet", widths=(32, 64, 128, 256), blocks=(2, 2, 2, 2), decoder_width=64)
"""3 M parameters: half the width of SwiftNet-RN18. Plain 3x3 convolutions, which every runtime is quick at."""

SEGFORMER_B0 = SegformerArchitecture("segformer-b0", (32, 64, 160, 256), (2, 2, 2, 2), 256)
"""3.7 M parameters."""

SEGFORMER_B2 = SegformerArchitecture("segformer-b2", (64, 128, 320, 512), (3, 4, 6, 3), 768)
"""27 M parameters."""

SEGFORMER_B5 = SegformerArchitecture("segformer-b5", (64, 128, 320, 512), (3, 6, 40, 3), 768)
"""85 M parameters: the encoder of the student in the paper's appendix A.3."""

STUDENTS: dict[str, StudentArchitecture] = {
    student.name: student for student in (SWIFTNET, SEGFORMER_B0, SEGFORMER_B2, SEGFORMER_B5)
}
