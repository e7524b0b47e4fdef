# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""The door: any size in, labels and confidence of that size out; bad wishes answered in one sentence."""

from __future__ import annotations

import gc
import weakref
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
import torch

from madm_model.architecture import TINY
from madm_model.checkpoint.model_folder import save_model
from madm_model.labels import STREET_11
from madm_model.model_config import ModelConfig, ModelError, magnification, network_size
from madm_model.network import MADM
from madm_model.placement import auto_dtype, choose_device, choose_dtype
from madm_model.segmenter import NotFiniteError, Segmenter

CONFIG = ModelConfig("tiny-test", TINY, STREET_11, "rgb", (64, 96), keep_aspect=True)
STRETCHED = replace(CONFIG, keep_aspect=False)


@dataclass
class Scores:
    logits: torch.Tensor


class BrightnessNetwork(torch.nn.Module):
    """Scores that follow the image: class 0 where it is dark, class 1 where it is bright, at half its size."""

    def forward(self, images: torch.Tensor) -> Scores:
        self.seen = images
        brightness = torch.nn.functional.avg_pool2d(images.mean(1, keepdim=True), 2)
        return Scores(torch.cat([-brightness, brightness], dim=1) * 3)


class ConstantScores:
    """A runtime that gives every pixel the same scores."""

    name, dtype = "constant", torch.float32

    def __init__(self, scores: list[float]) -> None:
        self._scores = torch.tensor(scores)

    def __call__(self, images: torch.Tensor) -> torch.Tensor:
        return self._scores[None, :, None, None].repeat(len(images), 1, 2, 3)

    def close(self) -> None:
        pass


def test_a_bias_is_of_one_image_and_decides_labels_and_confidence():
    scores = [2.0, 1.0, *[0.0] * 9]
    segmenter = Segmenter(torch.nn.Identity(), CONFIG, "cpu", torch.float32, ConstantScores(scores))
    image, bias = np.zeros((8, 12, 3), np.uint8), np.zeros(11, np.float32)
    bias[1] = 1.5
    plain, biased, other = segmenter.segment([image, image, image[:4]], [None, bias, bias])
    assert (plain.labels == 0).all() and (biased.labels == 1).all() and (other.labels == 1).all()
    assert plain.labels.shape == (8, 12) and other.labels.shape == (4, 12)
    for found, logits in ((plain, scores), (biased, np.add(scores, bias)), (other, np.add(scores, bias))):
        assert (found.confidence == round(255 * float(np.exp(max(logits)) / np.exp(logits).sum()))).all()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("models") / "tiny-test"
    network = MADM(TINY, len(STREET_11))
    for norm in network.head.modules():
        if isinstance(norm, torch.nn.BatchNorm2d):
            torch.nn.init.normal_(norm.running_mean)
            torch.nn.init.uniform_(norm.running_var, 0.5, 2.0)
    save_model(path, network, CONFIG)
    return path


@pytest.fixture(scope="module")
def segmenter(folder: Path) -> Segmenter:
    return Segmenter.from_folder(folder, device="cpu")


def image(height: int, width: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


@pytest.mark.parametrize("size", [(64, 96), (48, 75), (240, 320), (1, 1), (33, 200)])
def test_output_has_the_inputs_size(segmenter: Segmenter, size: tuple[int, int]) -> None:
    (result,) = segmenter.segment([image(*size)])
    for array in (result.labels, result.confidence):
        assert array.shape == size
        assert array.dtype == np.uint8
        assert array.flags.c_contiguous
    assert result.labels.max() < len(STREET_11)
    assert result.confidence.min() >= 255 // len(STREET_11)


def test_batch_of_different_sizes_keeps_order(segmenter: Segmenter) -> None:
    images = [image(64, 96, 0), image(48, 64, 1), image(64, 96, 2)]
    together = segmenter.segment(images)
    for one, result in zip(images, together):
        (alone,) = segmenter.segment([one])
        assert result.labels.shape == one.shape[:2]
        assert np.mean(result.labels == alone.labels) > 0.999
        assert np.abs(result.confidence.astype(int) - alone.confidence).max() <= 1
    assert not np.array_equal(together[0].labels, together[2].labels)
    assert segmenter.segment([]) == []


def test_equals_the_plain_network(folder: Path, segmenter: Segmenter) -> None:
    """Folded norms and memory formats change nothing; labels and confidence are arg-max and maximum of the softmax."""
    from madm_model.checkpoint.model_folder import load_model

    network, _ = load_model(folder)
    pixels = image(64, 96)
    batch = torch.from_numpy(pixels).permute(2, 0, 1)[None].float() / 127.5 - 1
    with torch.inference_mode():
        probability = network(batch).logits.softmax(1)[0].numpy()
    (result,) = segmenter.segment([pixels])
    assert np.mean(result.labels == probability.argmax(0)) > 0.999
    assert np.abs(result.confidence - probability.max(0) * 255).max() < 1


def test_labels_follow_the_image_at_its_own_resolution() -> None:
    segmenter = Segmenter(BrightnessNetwork(), STRETCHED, "cpu", torch.float32)
    pixels = np.zeros((128, 192, 3), np.uint8)
    pixels[:, 96:] = 255
    (result,) = segmenter.segment([pixels])
    assert np.array_equal(result.labels[:, :92], np.zeros((128, 92)))
    assert np.array_equal(result.labels[:, 100:], np.ones((128, 92)))
    certain = round(255 / (1 + np.exp(-6)))
    assert result.confidence[0, 0] == result.confidence[0, -1] == certain
    assert result.confidence[:, 95:97].max() < certain


class FixedScores(torch.nn.Module):
    """The same scores for every image."""

    def __init__(self, scores: torch.Tensor) -> None:
        super().__init__()
        self.scores = scores

    def forward(self, images: torch.Tensor) -> Scores:
        return Scores(self.scores.clone())


def test_labels_and_confidence_are_arg_max_and_softmax() -> None:
    logits = torch.randn(1, 11, 64, 96, generator=torch.Generator().manual_seed(0)) * 4
    logits[:, 5, :8] = logits[:, 2, :8] = 20.0  # equals: the first wins
    segmenter = Segmenter(FixedScores(logits), STRETCHED, "cpu", torch.float32)
    (result,) = segmenter.segment([image(64, 96)])
    assert np.array_equal(result.labels, logits.argmax(1)[0].numpy())
    assert set(result.labels.flat) == set(range(11))
    assert np.array_equal(result.confidence, (logits.softmax(1).amax(1)[0] * 255).round().numpy())


def test_input_range_maps_to_minus_one_and_one() -> None:
    network = BrightnessNetwork()
    segmenter = Segmenter(network, replace(STRETCHED, input_range=(50.0, 150.0)), "cpu", torch.float32)
    pixels = np.full((64, 96, 3), 50, np.uint8)
    pixels[:, :, 1] = 100
    pixels[:, :, 2] = 150
    segmenter.segment([pixels])
    assert network.seen.shape == (1, 3, 64, 96)
    torch.testing.assert_close(network.seen[0, :, 0, 0], torch.tensor([-1.0, 0.0, 1.0]))
    assert np.all(pixels[0, 0] == (50, 100, 150)), "the caller's image changed"


def test_shrinking_averages() -> None:
    """One bright column in four is a quarter of the brightness at a quarter of the size, not all or nothing."""
    network = BrightnessNetwork()
    pixels = np.zeros((256, 384, 3), np.uint8)
    pixels[:, ::4] = 255
    Segmenter(network, STRETCHED, "cpu", torch.float32).segment([pixels])
    inner = network.seen[0, :, 8:-8, 8:-8]
    assert inner.mean().item() == pytest.approx(-0.5, abs=0.02)
    assert inner.std().item() < 0.05


@pytest.mark.parametrize(
    ("height", "width", "expected"),
    [
        (256, 320, (256, 320)),
        (480, 640, (256, 320)),
        (512, 512, (288, 288)),
        (320, 1280, (128, 576)),
        (1, 5000, (32, 2560)),
    ],
)
def test_network_size_keeps_aspect_and_area(height: int, width: int, expected: tuple[int, int]) -> None:
    assert network_size(replace(CONFIG, input_size=(256, 320)), height, width) == expected


def test_network_size_without_aspect_is_fixed() -> None:
    assert network_size(STRETCHED, 480, 640) == (64, 96)


def test_magnification_is_of_lengths() -> None:
    assert magnification(replace(CONFIG, input_size=(192, 256)), 240, 320) == pytest.approx(0.8)
    assert magnification(STRETCHED, 480, 640) == pytest.approx((64 * 96 / (480 * 640)) ** 0.5)


@pytest.mark.parametrize(
    "bad",
    [
        np.zeros((4, 4), np.uint8),
        np.zeros((4, 4, 1), np.uint8),
        np.zeros((4, 4, 3), np.float32),
        np.zeros((0, 4, 3), np.uint8),
    ],
)
def test_images_of_other_kinds_are_refused(segmenter: Segmenter, bad: np.ndarray) -> None:
    with pytest.raises(ValueError, match=r"image 1 is .*not uint8 \(H, W, 3\)"):
        segmenter.segment([image(4, 4), bad])


def test_read_only_and_strided_images(segmenter: Segmenter) -> None:
    pixels = image(64, 192)
    view = pixels[:, ::2]
    frozen = view.copy()
    frozen.flags.writeable = False
    first, second = segmenter.segment([view, frozen])
    assert np.array_equal(first.labels, second.labels)


def test_bfloat16_agrees_mostly(folder: Path, segmenter: Segmenter) -> None:
    half = Segmenter.from_folder(folder, device="cpu", dtype="bfloat16")
    assert half.dtype == torch.bfloat16
    pixels = image(64, 96)
    agreement = np.mean(half.segment([pixels])[0].labels == segmenter.segment([pixels])[0].labels)
    assert agreement > 0.8


def test_warm_up_stage_timer_and_close(folder: Path) -> None:
    segmenter = Segmenter.from_folder(folder, device="cpu")
    segmenter.warm_up(48, 64)
    with segmenter.stage_timer() as timer:
        segmenter.segment([image(48, 64)])
    assert timer.milliseconds["unet"] > 0
    segmenter.close()
    segmenter.close()
    with pytest.raises(RuntimeError, match="closed"):
        segmenter.segment([image(48, 64)])


def test_close_drops_the_network_without_a_garbage_collection(folder: Path) -> None:
    segmenter = Segmenter.from_folder(folder, device="cpu")
    segmenter.segment([image(48, 64)])
    parts = [weakref.ref(part) for part in segmenter._network.children()]
    gc.disable()
    try:
        segmenter.close()
        assert all(part() is None for part in parts)
    finally:
        gc.enable()


def test_devices_and_types(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert choose_device("auto") == torch.device("cpu")
    with pytest.raises(ModelError, match="PyTorch finds no CUDA GPU here: use auto or cpu"):
        choose_device("cuda")
    for unknown in ("gpu", "meta", ""):
        with pytest.raises(ModelError, match="unknown device"):
            choose_device(unknown)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    assert choose_device("auto") == torch.device("cuda")
    assert choose_device("cuda:0") == torch.device("cuda:0")
    with pytest.raises(ModelError, match="there are 1 CUDA GPUs"):
        choose_device("cuda:3")
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: (7, 5))
    assert choose_dtype("auto", torch.device("cuda")) == torch.float16
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: (8, 7))
    assert choose_dtype("auto", torch.device("cuda")) == torch.bfloat16
    assert choose_dtype("auto", torch.device("cpu")) == torch.float32
    assert choose_dtype("bfloat16", torch.device("cuda")) == torch.bfloat16
    with pytest.raises(ModelError, match="unknown dtype 'int8'"):
        choose_dtype("int8", torch.device("cpu"))


@pytest.mark.parametrize(
    ("capability", "expected"),
    [
        (None, torch.float32),
        ((5, 3), torch.float16),
        ((7, 5), torch.float16),
        ((8, 0), torch.bfloat16),
        ((8, 7), torch.bfloat16),
        ((12, 0), torch.bfloat16),
    ],
)
def test_auto_is_bfloat16_where_a_gpu_computes_it(capability, expected: torch.dtype) -> None:
    assert auto_dtype(capability) == expected


@pytest.mark.parametrize("value", [torch.nan, torch.inf])
@pytest.mark.parametrize("size", [(64, 96), (30, 40)])
def test_scores_that_are_not_finite_are_an_error_with_advice(value: float, size: tuple[int, int]) -> None:
    logits = torch.zeros(1, 11, 64, 96)
    logits[0, 3, 32, 48] = value
    segmenter = Segmenter(FixedScores(logits), STRETCHED, "cpu", torch.float32)
    with pytest.raises(NotFiniteError, match="not finite in float32: use another model or version"):
        segmenter.segment([image(*size)])
    with pytest.raises(NotFiniteError):
        segmenter.warm_up(64, 96)


def test_a_class_that_is_ruled_out_is_no_error() -> None:
    logits = torch.zeros(1, 11, 64, 96)
    logits[:, 3] = -torch.inf
    Segmenter(FixedScores(logits), STRETCHED, "cpu", torch.float32).segment([image(64, 96)])


def test_weights_that_are_too_large_for_half_precision_are_told_with_the_way_out(tmp_path: Path) -> None:
    torch.manual_seed(0)
    network = MADM(TINY, len(STREET_11))
    torch.nn.init.constant_(network.head.classifier.bias, 1e6)
    save_model(tmp_path, network, CONFIG)
    Segmenter.from_folder(tmp_path, "cpu", "float32").warm_up(64, 96)
    with pytest.raises(NotFiniteError, match="set precision to bfloat16 or float32"):
        Segmenter.from_folder(tmp_path, "cpu", "float16").warm_up(64, 96)
    Segmenter.from_folder(tmp_path, "cpu", "bfloat16").warm_up(64, 96)


@pytest.mark.parametrize("stored", [torch.float32, torch.float16])
def test_norms_are_folded_before_the_cast(folder: Path, tmp_path: Path, stored: torch.dtype) -> None:
    """What runs in half precision is the float32 folding, rounded once."""
    from madm_model.checkpoint.model_folder import load_model

    network, _ = load_model(folder)
    save_model(tmp_path, network, CONFIG, stored)
    half, full = (Segmenter.from_folder(tmp_path, "cpu", name)._network.head for name in ("bfloat16", "float32"))
    for name, tensor in full.state_dict().items():
        assert torch.equal(half.state_dict()[name], tensor.bfloat16()), name


def test_missing_folder(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="there is no model folder"):
        Segmenter.from_folder(tmp_path / "nothing", device="cpu")
