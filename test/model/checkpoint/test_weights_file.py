# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""Weights in memory of their own: as the library reads them, and damaged ones as one error."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from madm_model.checkpoint.weights_file import read_weights

TENSORS = {
    "matrix": torch.arange(6.0).reshape(2, 3),
    "half": torch.full((3,), 0.1, dtype=torch.float16),
    "narrow": torch.full((2,), 0.1, dtype=torch.bfloat16),
    "scalar": torch.tensor(7),
    "bytes": torch.arange(5, dtype=torch.uint8),
    "empty": torch.zeros(0, 4),
}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    save_file(TENSORS, tmp_path / "weights.safetensors", metadata={"format": "pt"})
    return tmp_path / "weights.safetensors"


def test_tensors_are_as_the_library_reads_them(path: Path) -> None:
    read, wanted = read_weights(path), load_file(path)
    assert read.keys() == wanted.keys()
    for name, tensor in wanted.items():
        assert (read[name].dtype, read[name].shape) == (tensor.dtype, tensor.shape)
        assert torch.equal(read[name], tensor)


def change_header(path: Path, name: str, field: str, value: object) -> None:
    content = path.read_bytes()
    end = 8 + int.from_bytes(content[:8], "little")
    header = json.loads(content[8:end])
    header[name][field] = value
    changed = json.dumps(header).encode()
    path.write_bytes(len(changed).to_bytes(8, "little") + changed + content[end:])


@pytest.mark.parametrize(
    ("field", "value", "reason"),
    [
        ("dtype", "F7", "makes no sense"),
        ("dtype", "F16", "not where it should be"),
        ("shape", [2, -3], "has no shape"),
        ("shape", [2**40, 2**40], "not where it should be"),
        ("shape", None, "makes no sense"),
        ("data_offsets", [0, 10**12], "not where it should be"),
        ("data_offsets", "all", "makes no sense"),
    ],
)
def test_a_header_that_makes_no_sense_is_one_error(path: Path, field: str, value: object, reason: str) -> None:
    change_header(path, "matrix", field, value)
    with pytest.raises(ValueError, match=reason):
        read_weights(path)


@pytest.mark.parametrize("content", [b"", b"\xff" * 8, b"\xff" * 100, (10).to_bytes(8, "little") + b"[[[[[[[[[["])
def test_a_file_without_a_header_is_one_error(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"has no header|makes no sense|Expecting"):
        read_weights(path)


def test_missing_and_surplus_bytes_are_counted(path: Path) -> None:
    content = path.read_bytes()
    for wrong in (content[:-1], content + b"0"):
        path.write_bytes(wrong)
        with pytest.raises(ValueError, match="bytes of weights are there"):
            read_weights(path)
