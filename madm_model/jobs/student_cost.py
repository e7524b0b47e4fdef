# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""What the student of a job will take, by rules as those of `cost`: fitted to the peak of a few iterations."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from madm_model.students.architecture import SegformerArchitecture, StudentArchitecture, SwiftNetArchitecture

_WEIGHT = 20
"""Bytes of memory a weight: itself, its gradient, AdamW's two states and the running average, in float32."""
_BLOCK_VALUES, _TRANSFORMER_VALUES, _DECODER_VALUES, _LOGIT_VALUES = 7, 40, 14, 14
"""Values kept for the backward pass, a channel and pixel of a residual block, of a transformer block and of SegFormer's
decoder, and a class and pixel: the student's scores beside the teacher's."""
_PASSES = 16
"""Forward passes that an iteration's time is worth: two with their backward passes, and as much again for what is no
multiplication, of which small networks have more than large ones."""


class StudentCost(NamedTuple):
    """What a student takes beside the process and its frames."""

    weights: int
    """Number of weights."""
    memory: int
    """Bytes for weights, optimiser and one pass."""
    multiplications: float
    """An iteration."""


def student_cost(architecture: StudentArchitecture, num_classes: int, pixels: int, value_bytes: int) -> StudentCost:
    """What the distillation of a student takes.

    Args:
        architecture: its sizes.
        num_classes: K.
        pixels: of a batch of crops.
        value_bytes: of a value that is kept for the backward pass.
    """
    if isinstance(architecture, SegformerArchitecture):
        layers = list(_segformer(architecture))
    else:
        layers = list(_swiftnet(architecture))
    weights = round(sum(count for count, _, _ in layers))
    kept = sum(values / stride**2 for _, values, stride in layers) + _LOGIT_VALUES * num_classes
    work = sum(count / stride**2 for count, _, stride in layers)
    return StudentCost(weights, weights * _WEIGHT + round(pixels * value_bytes * kept), _PASSES * pixels * work)


def _swiftnet(architecture: SwiftNetArchitecture) -> Iterator[tuple[float, float, int]]:
    """Weights, kept values and stride of every part; a convolution's weights are also its multiplications a place."""
    widths, decoder = architecture.widths, architecture.decoder_width
    yield 27 * widths[0], _BLOCK_VALUES / 2 * widths[0], 2
    yield 9 * widths[0] ** 2, _BLOCK_VALUES / 2 * widths[0], 4
    previous = widths[0]
    for level, (width, blocks) in enumerate(zip(widths, architecture.blocks)):
        stride = 4 * 2**level
        yield 18 * width**2 * blocks - 9 * width * (width - previous), _BLOCK_VALUES * blocks * width, stride
        if level < 3:
            yield width * decoder + 9 * decoder**2, _BLOCK_VALUES * decoder, stride
        previous = width
    yield widths[3] * decoder + 3 * decoder**2, _BLOCK_VALUES * decoder, 32


def _segformer(architecture: SegformerArchitecture) -> Iterator[tuple[float, float, int]]:
    """Likewise of a SegFormer: a linear layer's weights are its multiplications a place, too."""
    decoder, previous = architecture.decoder_hidden_size, 3
    for level, (width, depth) in enumerate(zip(architecture.hidden_sizes, architecture.depths)):
        stride = 4 * 2**level
        patch = 49 if level == 0 else 9
        yield patch * previous * width, width, stride
        reduced = (8 >> level) ** 2 * width**2 if level < 3 else 0  # of keys and values, by a convolution
        yield (12 * width**2 + 36 * width + reduced) * depth, _TRANSFORMER_VALUES * depth * width, stride
        yield width * decoder, 0, stride
        previous = width
    yield 4 * decoder**2, _DECODER_VALUES * decoder, 4
