# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""Pictures to compare runtimes on."""

from __future__ import annotations

import torch
from torch.nn import functional

LEAST_AGREEMENT = 0.99
"""Share of the pixels that must have PyTorch's label, or what was compiled is not used."""


def probe_images(count: int, size: tuple[int, int]) -> torch.Tensor:
    """Images of soft coloured blobs, the same each time, float32 (count, 3, height, width) in [-1, 1].

    Not noise, in which neighbouring classes are so close that the last bit decides.
    """
    generator = torch.Generator().manual_seed(0)
    coarse = torch.rand(count, 3, 6, 8, generator=generator).mul(2).sub(1)
    return functional.interpolate(coarse, size, mode="bicubic").clamp(-1, 1)
