# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""How many weights a model folder has, without reading them."""

from __future__ import annotations

import math
from pathlib import Path

from safetensors import SafetensorError, safe_open


def count_weights(folder: Path) -> int:
    """Numbers in all weight files of a model folder, whichever their format; 0 without a file. PyTorch is not needed.

    A file whose header cannot be read counts as if it were in half precision: whoever loads it says what is wrong.
    """
    return sum(map(_count, folder.glob("*.safetensors")))


def _count(file: Path) -> int:
    try:
        with safe_open(file, framework="numpy") as tensors:
            names = tensors.keys()
            return sum(math.prod(tensors.get_slice(name).get_shape()) for name in names)
    except SafetensorError:
        return file.stat().st_size // 2
