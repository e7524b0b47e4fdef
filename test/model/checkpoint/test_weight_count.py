# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""The number of a folder's weights does not depend on how they are stored."""

from __future__ import annotations

import pytest
import torch
from safetensors.torch import save_file

from madm_model.checkpoint.weight_count import count_weights


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
def test_weights_count_the_same_in_every_format(tmp_path, dtype) -> None:
    save_file({"a": torch.zeros(3, 5, dtype=dtype), "b": torch.zeros((), dtype=dtype)}, tmp_path / "model.safetensors")
    assert count_weights(tmp_path) == 16


def test_a_damaged_file_counts_by_its_size(tmp_path) -> None:
    assert count_weights(tmp_path) == 0
    (tmp_path / "model.safetensors").write_bytes(b"\0" * 100)
    assert count_weights(tmp_path) == 50
    (tmp_path / "model.safetensors").write_bytes(b"")
    assert count_weights(tmp_path) == 0
