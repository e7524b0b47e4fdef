# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""Sources and batches of a job."""

from __future__ import annotations

import resource
from dataclasses import replace
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
import torch
from adaptation_samples import CONFIG, write_bag, write_source

from madm_model.adaptation.data import sensor_source, source_frames
from madm_model.adaptation.data.mixed_source import MixedSource, class_shares
from madm_model.adaptation.data.sensor_source import SensorSource
from madm_model.adaptation.data.source_frames import open_source
from madm_model.adaptation.data.target_bags import TargetSelection, collect_frames
from madm_model.adaptation.data.target_frames import TargetLimits
from madm_model.adaptation.data.training_data import JobData, ViewConfig
from madm_model.io import durable
from madm_model.io.frames import InputError
from madm_model.labels import IGNORE, STREET_9, STREET_11, LabelSet
from madm_model.training.frame_pool import FramePoolConfig
from madm_model.training.views import random_view

VIEW = ViewConfig(2, 16, 32)


@pytest.fixture
def target(tmp_path):
    selection = TargetSelection((str(write_bag(tmp_path / "bag")),), "thermal")
    return collect_frames(selection, {}, CONFIG, TargetLimits(min_frames=4), tmp_path / "target")


def test_a_folder_gives_images_with_their_labels(tmp_path) -> None:
    source = open_source(str(write_source(tmp_path / "source")), STREET_11, tmp_path / "work")
    image, labels = source.frame(3)
    np.testing.assert_array_equal(image, labels[..., None] * np.uint8([5, 10, 20]) + 30)
    assert source.pixel_counts.shape == (6, 11)
    assert (source.pixel_counts.sum(axis=1) == 32 * 48).all()


def test_labels_of_an_unknown_class_are_refused(tmp_path) -> None:
    folder = write_source(tmp_path / "source")
    with pytest.raises(InputError, match=r"holds class id \d+, but there are 9 classes \(sky, building"):
        open_source(str(folder), STREET_9, tmp_path / "work")


def test_labels_in_the_ids_of_cityscapes_become_the_models(tmp_path) -> None:
    folder = write_source(tmp_path / "source", 2)
    ids = np.full((32, 48), IGNORE, np.uint8)
    ids[0, :19] = range(19)
    for name in ("0.png", "1.png"):
        cv2.imwrite(str(folder / "labels" / name), ids)
    source = open_source(str(folder), STREET_9, tmp_path / "work", ids="cityscapes")
    _, labels = source.frame(1)
    assert labels[0, :20].tolist() == [4, 5, 1, 255, 255, 3, 8, 8, 6, 6, 0, 2, 2, *[7] * 6, 255]
    assert source.pixel_counts[1].tolist() == [1, 1, 2, 1, 1, 1, 2, 6, 2]
    ids[0, 0] = 33  # of Cityscapes' other numbering
    cv2.imwrite(str(folder / "labels" / "1.png"), ids)
    with pytest.raises(InputError, match="holds class id 33, but there are 19 classes"):
        open_source(str(folder), STREET_9, tmp_path / "other", ids="cityscapes")


def test_labels_of_another_size_are_refused(tmp_path) -> None:
    folder = write_source(tmp_path / "source")
    cv2.imwrite(str(folder / "labels" / "2.png"), np.zeros((5, 5), np.uint8))
    with pytest.raises(InputError, match=r"2.png is uint8 \(5, 5\): labels are one 8-bit channel"):
        open_source(str(folder), STREET_11, tmp_path / "work")


def test_a_folder_without_labels_is_refused(tmp_path) -> None:
    (tmp_path / "images").mkdir()
    with pytest.raises(InputError, match="it needs the folders images/ and labels/"):
        open_source(str(tmp_path), STREET_11, tmp_path / "work")


def test_the_simulator_is_rendered_once_and_its_classes_are_found_by_name(tmp_path, monkeypatch) -> None:
    few = FramePoolConfig(5, 1, 2, 64, 48)
    monkeypatch.setitem(source_frames.SIMULATED_STREETS, "sim", few)
    plain = open_source("sim", STREET_11, tmp_path / "work")
    image, labels = plain.frame(1)
    assert image.shape == (48, 64, 3)
    monkeypatch.setattr(source_frames, "_rendered", None)  # what is there is used
    road = LabelSet(("road", "lake"), ((1, 1, 1), (2, 2, 2)))
    matched = open_source("sim", road, tmp_path / "work").frame(1)[1]
    np.testing.assert_array_equal(matched, np.where(labels == STREET_11.names.index("road"), 0, IGNORE))
    with pytest.raises(InputError, match="none of the model's classes"):
        open_source("sim", LabelSet(("lake",), ((2, 2, 2),)), tmp_path / "work")


@pytest.mark.parametrize("file, content", [("images.bin", b"cut"), ("labels.bin", b""), ("rendered.json", b"{")])
def test_streets_that_a_power_cut_left_half_written_are_rendered_again(tmp_path, monkeypatch, file, content) -> None:
    monkeypatch.setitem(source_frames.SIMULATED_STREETS, "sim", FramePoolConfig(5, 1, 2, 64, 48))
    whole = open_source("sim", STREET_11, tmp_path / "work").frame(1)
    (tmp_path / "work" / file).write_bytes(content)
    again = open_source("sim", STREET_11, tmp_path / "work").frame(1)
    assert all(np.array_equal(*pair) for pair in zip(whole, again))


def test_batches_have_the_configured_shape_and_follow_the_generator(tmp_path, target) -> None:
    source = open_source(str(write_source(tmp_path / "source")), STREET_11, tmp_path / "work")
    data = JobData(source, target, CONFIG, VIEW)
    batches = [data.source(np.random.default_rng(4)) for _ in range(2)]
    assert batches[0].images.shape == (2, 3, 16, 32)
    assert batches[0].labels.shape == (2, 16, 32)
    assert batches[0].labels.dtype == torch.int64
    assert torch.equal(batches[0].images, batches[1].images)
    images = data.target(np.random.default_rng(4))
    assert images.shape == (2, 3, 16, 32)
    assert -1 <= images.min() < images.max() <= 1


def test_source_appearance_leaves_the_labels(tmp_path, target) -> None:
    source = open_source(str(write_source(tmp_path / "source")), STREET_11, tmp_path / "work")
    plain, varied = (
        JobData(source, target, CONFIG, replace(VIEW, source_appearance=wanted)).source(np.random.default_rng(4))
        for wanted in (False, True)
    )
    assert not torch.equal(plain.images, varied.images)
    assert torch.equal(plain.labels, varied.labels)


def test_held_out_source_frames_are_not_trained_on(tmp_path, target) -> None:
    source = open_source(str(write_source(tmp_path / "source", 12)), STREET_11, tmp_path / "work")
    drawn = []
    frame = source.frame
    source.frame = lambda index: drawn.append(index) or frame(index)
    for rare in (True, False):
        data = JobData(source, target, CONFIG, ViewConfig(1, 16, 16, rare_classes=rare))
        for seed in range(60):
            data.source(np.random.default_rng(seed))
    assert data.held_out.size
    assert not set(drawn) & set(data.held_out.tolist())


def test_of_a_mixed_source_each_has_its_share(tmp_path, target) -> None:
    first = open_source(str(write_source(tmp_path / "first", 12)), STREET_11, tmp_path / "a")
    second = open_source(str(write_source(tmp_path / "second", 40)), STREET_11, tmp_path / "b")
    source = MixedSource([first, second], [3, 1])
    assert source.shares.tolist() == [0.75, 0.25]
    for index, expected in ((0, first.frame(0)), (11, first.frame(11)), (12, second.frame(0)), (51, second.frame(39))):
        for found, wanted in zip(source.frame(index), expected):
            np.testing.assert_array_equal(found, wanted)

    drawn = []
    frame = source.frame
    source.frame = lambda index: drawn.append(index) or frame(index)
    for rare in (True, False):
        drawn.clear()
        data = JobData(source, target, CONFIG, ViewConfig(1, 16, 16, rare_classes=rare))
        for seed in range(200):
            data.source(np.random.default_rng(seed))
        assert sum(index < 12 for index in drawn) == pytest.approx(150, abs=25)
        assert not set(drawn) & set(data.held_out.tolist())
        assert min(data.held_out) < 12 <= max(data.held_out)  # the gate sees both


def test_a_simulated_sensor_is_a_labelled_source_that_never_looks_the_same(tmp_path, target, monkeypatch) -> None:
    monkeypatch.setitem(source_frames.SIMULATED_STREETS, "sim-sensor", FramePoolConfig(5, 2, 2, 64, 48))
    monkeypatch.setitem(source_frames.SIMULATED_STREETS, "sim", FramePoolConfig(5, 2, 2, 64, 48))
    source = open_source("sim-sensor", STREET_11, tmp_path / "work", modality="thermal")
    image, labels = source.frame(1)
    colour, expected = open_source("sim", STREET_11, tmp_path / "colour").frame(1)
    np.testing.assert_array_equal(labels, expected)
    assert image.shape == colour.shape and (image[..., :1] == image).all() and (image != colour).any()
    shown = [source.frame_of_another_sensor(np.random.default_rng(seed), 1) for seed in (0, 0, 1)]
    assert (shown[0][0] == shown[1][0]).all() and (shown[0][0] != shown[2][0]).mean() > 0.5
    np.testing.assert_array_equal(shown[0][1], labels)

    monkeypatch.setattr(sensor_source, "_render", None)  # what is rendered is used as it is
    again = open_source("sim-sensor", STREET_11, tmp_path / "work", modality="thermal")
    np.testing.assert_array_equal(again.frame(1)[0], image)

    asked = []
    monkeypatch.setattr(again, "frame_of_another_sensor", lambda rng, index: asked.append(index) or again.frame(index))
    folder = open_source(str(write_source(tmp_path / "folder", 12)), STREET_11, tmp_path / "a")
    data = JobData(MixedSource([folder, again], [0.5, 0.5]), target, CONFIG, VIEW)
    for seed in range(20):
        assert data.source(np.random.default_rng(seed)).labels.shape == (2, 16, 32)
    assert 8 < len(asked) < 32 and set(asked) <= {0, 1, 2, 3}


def test_a_disk_that_is_full_while_a_simulated_sensor_is_rendered_is_told_as_such(tmp_path) -> None:
    unlimited = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, unlimited[1]))
    try:
        with pytest.raises(OSError) as error:
            SensorSource(FramePoolConfig(5, 1, 2, 192, 144), "thermal", STREET_11, tmp_path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, unlimited)
    assert durable.is_disk_full(error.value)


def test_class_shares_of_a_mixed_source_count_each_by_its_share() -> None:
    frames = [SimpleNamespace(pixel_counts=np.array(counts)) for counts in ([[10, 0]], [[0, 500], [250, 250]])]
    assert class_shares(frames[1]).tolist() == [0.25, 0.75]
    assert class_shares(MixedSource(frames, [0.5, 0.5])).tolist() == [0.625, 0.375]


def test_a_crop_that_does_not_fit_the_network_is_refused(tmp_path, target) -> None:
    source = open_source(str(write_source(tmp_path / "source")), STREET_11, tmp_path / "work")
    with pytest.raises(ValueError, match="multiples of 16"):
        JobData(source, target, CONFIG, ViewConfig(1, 20, 16))


def test_a_view_keeps_image_and_labels_together() -> None:
    labels = np.kron(np.arange(24).reshape(4, 6), np.ones((8, 8), int)).astype(np.uint8)
    image = np.dstack([labels * 10] * 3)
    for seed in range(20):
        view, cut = random_view(np.random.default_rng(seed), image, labels, (16, 16), (1.0, 1.0))
        np.testing.assert_array_equal(view[..., 0], cut * np.uint8(10))


def test_a_view_larger_than_the_image_is_magnified() -> None:
    image = np.random.default_rng(0).integers(0, 255, (10, 20, 3)).astype(np.uint8)
    view, labels = random_view(np.random.default_rng(0), image, None, (32, 32), (0.5, 0.5))
    assert view.shape == (32, 32, 3)
    assert labels is None
