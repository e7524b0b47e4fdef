# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""Runtimes give PyTorch's labels, keep what they compiled, and say clearly what they cannot."""

from __future__ import annotations

import gc
import shutil
import sys
import weakref
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from runtime_samples import needs_openvino, save

from madm_model.checkpoint.model_folder import load_model
from madm_model.io.user_cache import user_cache
from madm_model.model_config import ModelError
from madm_model.runtimes import auto_runtime, onnx_runtime, opening, openvino_runtime
from madm_model.runtimes.auto_runtime import AutoRuntime
from madm_model.runtimes.cache import FOLDER, KEPT_FILES, CompiledCache
from madm_model.runtimes.names import RUNTIMES
from madm_model.runtimes.opening import installed, runtime_named
from madm_model.runtimes.sizes import KEPT_SIZES, PerSize
from madm_model.segmenter import Segmenter
from madm_model.store.version import VersionInfo, fault, write_info
from madm_model.students.architecture import SwiftNetArchitecture

SWIFTNET = SwiftNetArchitecture("small", (8, 8, 8, 8), (1, 1, 1, 1), 8)
IMAGE = np.random.default_rng(0).integers(0, 256, (4, 6, 3), np.uint8).repeat(16, axis=0).repeat(16, axis=1)


@pytest.fixture(scope="module")
def swiftnet(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save(tmp_path_factory.mktemp("swiftnet"), SWIFTNET)


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def label(folder: Path, runtime: str, **options: str) -> tuple[np.ndarray, str]:
    """Labels of the image, and what ran."""
    segmenter = Segmenter.from_folder(folder, "cpu", runtime=runtime, **options)
    result = segmenter.segment([IMAGE])[0]
    ran = segmenter.runtime
    segmenter.close()
    with pytest.raises(RuntimeError, match="closed"):
        segmenter.segment([IMAGE])
    return result.labels, ran


def compiled(folder: Path) -> list[Path]:
    return sorted((folder / FOLDER).glob("*.bin"))


@needs_openvino
def test_openvino_starts_from_its_cache_and_makes_a_damaged_one_anew(swiftnet: Path, monkeypatch) -> None:
    expected, _ = label(swiftnet, "torch")
    made, model = [], openvino_runtime.convert(load_model(swiftnet)[0], (1, 3, 64, 96))
    monkeypatch.setattr(openvino_runtime, "convert", lambda *_: made.append(1) or model.clone())
    assert np.array_equal(label(swiftnet, "openvino", dtype="float32")[0], expected)
    (kept,) = compiled(swiftnet)
    assert np.array_equal(label(swiftnet, "openvino", dtype="float32")[0], expected)
    assert len(made) == 1
    # 1. Cut, as by a full disk; 2. whole, but nothing that OpenVINO knows
    kept.write_bytes(kept.read_bytes()[:-100])
    assert np.array_equal(label(swiftnet, "openvino", dtype="float32")[0], expected)
    assert len(made) == 2
    monkeypatch.setattr(CompiledCache, "read", lambda *_: b"of another release")
    assert np.array_equal(label(swiftnet, "openvino", dtype="float32")[0], expected)
    assert len(made) == 3


def test_onnx_gives_pytorchs_labels(swiftnet: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("onnxruntime")
    pytest.importorskip("onnxscript")
    labels, ran = label(swiftnet, "onnx")
    assert ran == "onnx float32"
    assert np.array_equal(labels, label(swiftnet, "torch")[0])
    monkeypatch.setattr(onnx_runtime, "export", None)
    assert np.array_equal(label(swiftnet, "onnx")[0], labels)  # from the cache


def test_compiled_says_what_to_do_where_there_is_no_compiler(swiftnet: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch, "compile", lambda module, mode: _no_compiler)
    with pytest.raises(ModelError, match=r"torch.compile fails on this machine, use runtime torch: no C\+\+"):
        label(swiftnet, "compiled")


def _no_compiler(images: torch.Tensor) -> torch.Tensor:
    raise RuntimeError("no C++ compiler\nand a long trace")


def test_compiled_gives_pytorchs_labels(swiftnet: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Through the graph that the compiler gets; the compiler itself would take a minute."""
    monkeypatch.setattr(torch, "compile", lambda module, mode: module)
    labels, ran = label(swiftnet, "compiled")
    assert ran == "compiled float32"
    assert np.array_equal(labels, label(swiftnet, "torch")[0])


class Fixed:
    """A runtime that takes a while and gives the same logits."""

    dtype = torch.float32

    def __init__(self, name: str, log: list[str], seconds: float, shift: int = 0, error: str = "") -> None:
        self.name, self._log, self._seconds, self._shift, self._error = name, log, seconds, shift, error
        log.append(f"make {name}")

    def __call__(self, images: torch.Tensor) -> torch.Tensor:
        if self._error:
            raise ModelError(self._error)
        TIME[0] += self._seconds
        return images.roll(self._shift, dims=1)

    def close(self) -> None:
        self._log.append(f"close {self.name}")


TIME = [0.0]


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(auto_runtime.time, "perf_counter", lambda: TIME[0])


def choose(log: list[str], cache: CompiledCache, **others: Callable[[], Fixed]) -> AutoRuntime:
    makers = {"torch": lambda: Fixed("torch", log, 2.0), **others}
    runtime = AutoRuntime(makers, torch.nn.Conv2d(3, 3, 1), "auto", torch.float32, cache)
    assert runtime.name == "auto"
    runtime(torch.zeros(1, 3, 64, 96))
    return runtime


def test_auto_takes_the_quickest_and_remembers_it(clock, tmp_path: Path) -> None:
    log: list[str] = []
    others = {
        "openvino": lambda: Fixed("openvino", log, 1.0),
        "onnx": lambda: Fixed("onnx", log, 1.5),
    }
    first = CompiledCache(tmp_path / "version", "weights 1")
    assert choose(log, first, **others).name == "openvino"
    assert log == ["make torch", "make openvino", "make onnx", "close torch", "close onnx"]
    log.clear()
    assert choose(log, first, **others).name == "openvino"
    assert log == ["make openvino"]  # nothing but what runs
    log.clear()
    assert choose(log, CompiledCache(tmp_path / "version", "weights 2"), **others).name == "openvino"
    assert log == ["make torch", "make openvino", "close torch"]  # other weights: the labels are compared, no times


def test_auto_leaves_out_other_labels_and_what_fails(clock, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    log: list[str] = []
    others = {
        "openvino": lambda: Fixed("openvino", log, 1.0, shift=1),
        "onnx": lambda: Fixed("onnx", log, 0.5, error="no kernel"),
    }
    assert choose(log, CompiledCache(tmp_path, "weights"), **others).name == "torch"
    assert "runtime onnx is left out: no kernel" in caplog.text
    assert "% of its labels agree with PyTorch's" in caplog.text


def test_auto_takes_float32_where_half_precision_changes_labels(clock, tmp_path: Path) -> None:
    log: list[str] = []
    others = {
        "openvino": lambda: Fixed("openvino", log, 0.5, shift=1),
        "openvino float32": lambda: Fixed("openvino", log, 1.0),
    }
    for weights in ("weights 1", "weights 2", "weights 2"):
        log.clear()
        assert choose(log, CompiledCache(tmp_path, weights), **others).name == "openvino"
    assert log == ["make openvino"]


def test_openvino_is_tried_in_float32_too_where_it_takes_bfloat16(swiftnet: Path, monkeypatch) -> None:
    monkeypatch.delenv("MADM_RUNTIME")
    monkeypatch.setattr(opening, "installed", lambda _: ("openvino",))
    for takes, names in ((True, ["torch", "openvino", "openvino float32"]), (False, ["torch", "openvino"])):
        monkeypatch.setattr(opening, "_openvino_takes_bfloat16", lambda takes=takes: takes)
        segmenter = Segmenter.from_folder(swiftnet, "cpu", runtime="auto")
        assert list(segmenter._runtime._makers) == names and segmenter.runtime == "auto float32"


def test_a_decision_does_not_outlive_labels_that_differ(clock, tmp_path: Path) -> None:
    log: list[str] = []
    good = {"openvino": lambda: Fixed("openvino", log, 1.0)}
    bad = {"openvino": lambda: Fixed("openvino", log, 1.0, shift=1)}
    assert choose(log, CompiledCache(tmp_path, "good weights"), **good).name == "openvino"
    assert choose(log, CompiledCache(tmp_path, "bad weights"), **bad).name == "torch"


@pytest.mark.parametrize("runtime", ["compiled", "auto", "auto without a compiler"])
def test_weights_are_gone_at_once_when_closed(
    swiftnet: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, runtime: str
) -> None:
    caplog.set_level("ERROR")  # records would keep the error, and so its frames
    name, _, fails = runtime.partition(" ")
    monkeypatch.delenv("MADM_RUNTIME", raising=False)
    monkeypatch.setattr(opening, "installed", lambda _: ("compiled",))
    monkeypatch.setattr(torch, "compile", lambda module, mode: _no_compiler if fails else module)
    segmenter = Segmenter.from_folder(swiftnet, "cpu", runtime=name)
    weights = [weakref.ref(parameter) for parameter in segmenter._network.parameters()]
    gc.disable()
    try:
        segmenter.segment([IMAGE])
        segmenter.close()
        assert not any(weight() is not None for weight in weights)
    finally:
        gc.enable()


def test_auto_is_what_the_environment_says(swiftnet: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MADM_RUNTIME", "torch")
    assert label(swiftnet, "auto")[1] == "torch float32"
    monkeypatch.setenv("MADM_RUNTIME", "fast")
    with pytest.raises(ModelError, match="unknown runtime 'fast': use auto, torch"):
        Segmenter.from_folder(swiftnet, "cpu", runtime="auto")
    monkeypatch.delenv("MADM_RUNTIME")
    assert [runtime_named(name) for name in RUNTIMES] == list(RUNTIMES)
    assert "compiled" not in installed(torch.device("cpu"))


@needs_openvino
def test_what_cannot_be_had(swiftnet: Path) -> None:
    with pytest.raises(ModelError, match="OpenVINO does not compute in float16 on this CPU"):
        Segmenter.from_folder(swiftnet, "cpu", "float16", "openvino")
    with pytest.raises(ModelError, match=r"OpenVINO finds no device 'npu' here, but .*cpu"):
        Segmenter.from_folder(swiftnet, "npu", runtime="openvino")
    with pytest.raises(ModelError, match="device 'gpu' is for runtime openvino, not onnx"):
        Segmenter.from_folder(swiftnet, "gpu", runtime="onnx")
    with pytest.raises(ModelError, match="runtime onnx does not compute in bfloat16"):
        Segmenter.from_folder(swiftnet, "cpu", "bfloat16", "onnx")
    with pytest.raises(ValueError, match="only MADM in runtime torch has stages"):
        Segmenter.from_folder(swiftnet, "cpu", runtime="torch").stage_timer()


@needs_openvino
def test_openvino_tells_nobody() -> None:
    openvino_runtime.import_openvino()
    assert sys.modules["openvino_telemetry"] is None


def test_where_compiled_networks_are_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, swiftnet: Path) -> None:
    assert CompiledCache.of_model(swiftnet).folder == swiftnet / FOLDER
    assert CompiledCache.of_model("tiny-rgb").folder == user_cache() == tmp_path / "cache" / "madm"
    monkeypatch.setattr("os.access", lambda *_: False)
    assert CompiledCache.of_model(swiftnet).folder == user_cache()


def test_a_version_stays_whole_with_its_cache(tmp_path: Path, swiftnet: Path) -> None:
    folder = tmp_path / "store" / "v0001"
    shutil.copytree(swiftnet, folder, ignore=shutil.ignore_patterns(FOLDER))
    write_info(folder, VersionInfo("v0001", "base", "", "rgb"))
    cache = CompiledCache.of_model(folder)
    cache.write(b"content", "something")
    assert (folder / FOLDER).is_dir() and not fault(folder, with_checksums=True)


def test_the_cache_is_bounded_and_survives_what_it_finds(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    cache = CompiledCache(tmp_path / "cache", "weights")
    (tmp_path / "cache").mkdir()
    (tmp_path / "cache" / "left.999999999.tmp").write_bytes(b"half")
    for number in range(KEPT_FILES + 3):
        cache.write(str(number).encode(), str(number))
    assert len(list((tmp_path / "cache").iterdir())) == KEPT_FILES
    last = str(KEPT_FILES + 2)
    assert cache.read(last) == last.encode() and cache.read("0") is None
    assert CompiledCache(tmp_path / "cache", "other weights").read(last) is None
    (tmp_path / "file").write_bytes(b"")
    CompiledCache(tmp_path / "file" / "below", "weights").write(b"content", "name")
    assert "cannot be written, so the next start takes as long" in caplog.text


def test_the_last_sizes_are_kept() -> None:
    made: list[tuple[int, ...]] = []
    sizes = PerSize(lambda shape: made.append(shape) or shape)
    shapes = [(1, 3, 32 * count, 32) for count in range(1, KEPT_SIZES + 2)]
    for shape in (*shapes[:-1], shapes[0], shapes[-1], shapes[0]):
        assert sizes[shape] == shape
    assert made == shapes
    assert sizes[shapes[1]] and len(made) == len(shapes) + 1
