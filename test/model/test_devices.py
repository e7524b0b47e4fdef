# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""Which GPU a device's name means, as told without PyTorch."""

from __future__ import annotations

import pytest

from madm_model import devices
from madm_model.model_config import ModelError


def test_the_name_of_a_device_means_a_gpu_or_none(monkeypatch) -> None:
    monkeypatch.setattr(devices, "gpu_memories", lambda: (8, 16))
    assert [devices.gpu_memory(name) for name in ("auto", "cuda", "cuda:1", "cpu")] == [8, 8, 16, None]
    monkeypatch.setattr(devices, "gpu_memories", tuple)
    assert [devices.gpu_memory(name) for name in ("auto", "cpu")] == [None, None]
    with pytest.raises(ModelError, match=r"device 'cuda' was asked for, but there are 0 CUDA GPUs"):
        devices.gpu_memory("cuda")
    with pytest.raises(ModelError, match="unknown device 'tpu'"):
        devices.gpu_memory("tpu")


def test_a_build_of_pytorch_without_cuda_has_no_gpu(monkeypatch) -> None:
    monkeypatch.setattr(devices.metadata, "version", lambda _: "2.13.0+cpu")
    monkeypatch.setattr(devices.ctypes, "CDLL", lambda _: pytest.fail("the driver is asked"))
    devices.gpu_memories.cache_clear()
    assert devices.gpu_memories() == ()
