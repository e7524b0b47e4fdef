# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""Reads a safetensors file into memory of its own.

The library maps the file: a network would lie in it for as long as it runs, and a file that is truncated in place, as
`cp` over it does, would end the process by SIGBUS.

Source: https://github.com/huggingface/safetensors#format
"""

from __future__ import annotations

import hashlib
import json
import math
import os
from pathlib import Path
from typing import Any, BinaryIO

import torch

_DTYPES = {
    **{"F64": torch.float64, "F32": torch.float32, "F16": torch.float16, "BF16": torch.bfloat16},
    **{"I64": torch.int64, "I32": torch.int32, "I16": torch.int16, "I8": torch.int8, "U8": torch.uint8},
    "BOOL": torch.bool,
}
_LARGEST_HEADER = 100_000_000
"""Bytes, as in the library."""


def read_weights(path: Path, device: torch.device | str = "cpu", sha256: str = "") -> dict[str, torch.Tensor]:
    """Read all tensors of a file.

    Args:
        path: a safetensors file.
        device: where the tensors go, one by one.
        sha256: what its bytes have to give, in hexadecimal; empty if that is not known.

    Raises:
        OSError: it cannot be read.
        ValueError: it is damaged.
    """
    digest = hashlib.sha256()
    with path.open("rb") as file:
        size = os.fstat(file.fileno()).st_size
        length = file.read(8)
        header_size = int.from_bytes(length, "little")
        if len(length) < 8 or header_size > min(size - 8, _LARGEST_HEADER):
            raise ValueError("it has no header")
        header = file.read(header_size)
        if sha256:
            digest.update(length + header)
        tensors = {}
        for name, dtype, shape in _parse(header, size - 8 - header_size):
            content = _read_tensor(file, dtype, shape)
            if sha256:
                digest.update(content.reshape(-1).view(torch.uint8).numpy())
            tensors[name] = content.to(device)
    if sha256 and digest.hexdigest() != sha256:
        raise ValueError("its checksum differs")
    return tensors


def _parse(header: bytes, data_size: int) -> list[tuple[str, torch.dtype, tuple[int, ...]]]:
    """Name, type and shape of every tensor, in the order in which they fill the rest of the file without a gap."""
    try:
        entries: dict[str, Any] = json.loads(header)
        entries.pop("__metadata__", None)
        tensors, end = [], 0
        for name, entry in sorted(entries.items(), key=lambda item: item[1]["data_offsets"]):
            dtype, shape, offsets = _DTYPES[entry["dtype"]], tuple(entry["shape"]), entry["data_offsets"]
            if not all(type(side) is int and side >= 0 for side in shape):
                raise ValueError(f"'{name}' has no shape")
            end, begin = end + math.prod(shape) * dtype.itemsize, end
            if offsets != [begin, end]:
                raise ValueError(f"'{name}' is not where it should be")
            tensors.append((name, dtype, shape))
    except (KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ValueError(f"its header makes no sense ({type(error).__name__}: {error})") from None
    if end != data_size:
        raise ValueError(f"{data_size} bytes of weights are there, {end} are needed")
    return tensors


def _read_tensor(file: BinaryIO, dtype: torch.dtype, shape: tuple[int, ...]) -> torch.Tensor:
    tensor = torch.empty(shape, dtype=dtype)
    rest = memoryview(tensor.reshape(-1).view(torch.uint8).numpy())
    while rest:
        if not (count := file.readinto(rest)):
            raise ValueError("it was cut while it was read")
        rest = rest[count:]
    return tensor
