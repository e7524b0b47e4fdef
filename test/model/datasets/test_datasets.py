# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""The paper's data sets: which files are taken in which order, what their ids become, and what is told of bad ones."""

from __future__ import annotations

from pathlib import Path

import dataset_samples as samples
import numpy as np
import pytest
from PIL import Image

from madm_model.datasets import open_dataset
from madm_model.datasets.views import random_crop, resize_image, resize_labels
from madm_model.events.container import EventError
from madm_model.io.frames import FrameError, InputError
from madm_model.labels import CITYSCAPES_19, STREET_9, STREET_11

NONE = 255


def names(dataset) -> list[str]:
    return [dataset.file_name(index) for index in range(len(dataset))]


def test_cityscapes_by_train_ids_and_by_label_ids(tmp_path):
    by_train_id = open_dataset("cityscapes", samples.cityscapes(tmp_path / "a"), "train")
    assert (by_train_id.name, by_train_id.modality, by_train_id.label_set) == ("cityscapes", "rgb", CITYSCAPES_19)
    assert names(by_train_id) == [
        "leftImg8bit/train/aachen/aachen_000000",
        "leftImg8bit/train/aachen/aachen_000001",
        "leftImg8bit/train/bochum/bochum_000000_000313",
    ]
    assert by_train_id.image(2)[0, 0].tolist() == [0, 50, 100]
    assert by_train_id.labels(0)[0].tolist() == list(range(16))
    by_label_id = open_dataset("cityscapes", samples.cityscapes(tmp_path / "b", "labelIds"), "train")
    no = NONE
    assert by_label_id.labels(0)[0].tolist() == [no, no, no, no, no, no, no, 0, 1, no, no, 2, 3, 4, no, no]


def test_train_ids_that_were_not_made_to_the_end_are_not_taken(tmp_path):
    root = samples.cityscapes(samples.cityscapes(tmp_path), "labelIds")
    assert open_dataset("cityscapes", root, "train").labels(0)[0, 7] == 7
    next(root.rglob("*labelTrainIds.png")).unlink()
    assert open_dataset("cityscapes", root, "train").labels(0)[0, 7] == 0
    next(root.rglob("*labelIds.png")).unlink()
    with pytest.raises(InputError, match=r"1 of 3 train images of Cityscapes .* have no labels"):
        open_dataset("cityscapes", root, "train")


@pytest.mark.parametrize(
    ("label_set", "expected"),
    [
        (STREET_11, [5, 6, 1, 9, 2, 4, 10, 10, 7, 7, 0, 3, 3, *[8] * 6]),
        (STREET_9, [4, 5, 1, NONE, NONE, 3, 8, 8, 6, 6, 0, 2, 2, *[7] * 6]),
        (CITYSCAPES_19, list(range(19))),
    ],
)
def test_every_train_id_becomes_what_the_specification_says(label_set, expected, tmp_path):
    dataset = open_dataset("cityscapes", samples.cityscapes(tmp_path), "train", label_set)
    assert dataset.translation.tolist() == expected + [NONE] * (256 - 19)
    assert dataset.labels(0)[0].tolist() == expected[:16]


def test_label_ids_of_cityscapes_are_those_of_its_scripts(tmp_path):
    dataset = open_dataset("cityscapes", samples.cityscapes(tmp_path, "labelIds"), "train")
    own = {7: 0, 8: 1, 11: 2, 12: 3, 13: 4, 17: 5, 19: 6, 20: 7, 21: 8, 22: 9, 23: 10, 24: 11, 25: 12, 26: 13}
    own |= {27: 14, 28: 15, 31: 16, 32: 17, 33: 18}
    assert dataset.translation.tolist() == [own.get(number, NONE) for number in range(256)]


def test_deliver_in_the_official_order_with_ids_of_the_first_channel(tmp_path):
    dataset = open_dataset("deliver", samples.deliver(tmp_path), "test")
    folders = [name.split("/")[3] for name in names(dataset)]
    assert folders == ["MAP_1_point102", "MAP_1_point22", "MAP_1_point2"]  # as in the official list
    assert dataset.image(0)[0, 0].tolist() == [2, 7, 9]  # transparency is left out
    after_less_one = [1, 2, NONE, 3, 4, 5, 5, 6, 7, 8, 9, 10, 0, *[NONE] * 4, 10, *[NONE] * 3, 7, 8, 8, 8]
    expected = [NONE, *after_less_one, *[NONE] * (256 - 26)]
    assert dataset.translation.tolist() == expected
    assert dataset.labels(0).ravel().tolist() == expected[:128]


def test_fmb_and_its_ids(tmp_path):
    dataset = open_dataset("fmb", samples.fmb(tmp_path), "test")
    assert names(dataset) == ["test/Infrared/00001", "test/Infrared/00002"]
    assert dataset.image(1)[3, 4].tolist() == [2, 2, 2]
    assert dataset.labels(0)[0].tolist() == [NONE, 4, 5, 1, 8, 8, 6, 0, 2, 7, 7, 7, 7, 7, 3, NONE]


def test_dsec_as_released(tmp_path):
    root = samples.dsec(tmp_path)
    for file in list(root.rglob("*.png")):
        file.with_name(f"._{file.name}").write_text("what macOS leaves beside a copy")
    dataset = open_dataset("dsec", root, "test")
    assert names(dataset) == ["zurich_city_13_a/000001", "zurich_city_13_a/000002"]
    assert dataset.translation.tolist() == [*range(11), *[NONE] * 245]
    assert (dataset.image(0)[0, 0, 0], dataset.labels(0)[0, 0]) == (1, 1)


def test_dsec_from_events_is_the_rectified_edge_frame_of_the_labels_moment(tmp_path):
    plain = open_dataset("dsec", samples.dsec_events(tmp_path / "a"), "test")
    assert names(plain) == ["zurich_city_13_a/000001", "zurich_city_13_a/000002"]
    image = plain.image(0)
    assert image.shape == (440, 640, 3) and plain.labels(0).shape == (440, 640)
    assert np.flatnonzero(image.any(axis=(0, 2))).tolist() == [20]
    assert np.flatnonzero(image.any(axis=(1, 2))).tolist() == list(range(100, 200))
    moved = open_dataset("dsec", samples.dsec_events(tmp_path / "b", shift=3), "test")
    assert np.flatnonzero(moved.image(1).any(axis=(0, 2))).tolist() == [23]
    beyond = open_dataset("dsec", samples.dsec_events(tmp_path / "c", shift=-21), "test")
    assert not beyond.image(1).any()


def test_training_takes_every_second_moment_of_dsec_from_the_third_on(tmp_path):
    root = samples.dsec_events(tmp_path, "train")
    assert names(open_dataset("dsec", root, "train", labelled=False)) == ["zurich_city_13_a/000002"]


def test_events_that_do_not_go_with_the_labels_are_told(tmp_path):
    root = samples.dsec_events(tmp_path)
    stamps = next(root.rglob("*timestamps.txt"))
    stamps.write_text("1\n2\n3\n")
    with pytest.raises(EventError, match="begins after the moment"):
        open_dataset("dsec", root, "test").image(0)
    next(root.rglob("rectify_map.h5")).unlink()
    stamps.write_text("5000000\n5100000\n5180000\n")
    with pytest.raises(EventError, match=r"rectify_map\.h5 is missing"):
        open_dataset("dsec", root, "test").image(0)
    stamps.write_text("soon\n")
    with pytest.raises(InputError, match="no list of times"):
        open_dataset("dsec", root, "test")


@pytest.mark.parametrize(
    ("name", "split", "complaint"),
    [
        ("kitti", "train", "no data set 'kitti': use cityscapes, deliver, fmb, dsec"),
        ("fmb", "val", "FMB has no split 'val' here: use train or test"),
        ("cityscapes", "train", "does not hold Cityscapes"),
        ("deliver", "val", "does not hold DELIVER"),
        ("fmb", "train", "there is no train/Infrared"),
        ("dsec", "test", "there is neither 69mask_test_edges"),
    ],
)
def test_what_is_not_there_is_told(name, split, complaint, tmp_path):
    with pytest.raises(InputError, match=complaint):
        open_dataset(name, tmp_path, split)


def test_a_root_that_is_missing_is_told(tmp_path):
    with pytest.raises(InputError, match=r"there is no folder .*nowhere"):
        open_dataset("fmb", tmp_path / "nowhere", "test")


def test_missing_labels_are_told_unless_nobody_wants_them(tmp_path):
    root = samples.fmb(tmp_path)
    (root / "test/Label/00002.png").unlink()
    with pytest.raises(InputError, match=r"1 of 2 test images of FMB .* test/Infrared/00002 for one: `madm data check"):
        open_dataset("fmb", root, "test")
    dataset = open_dataset("fmb", root, "test", labelled=False)
    assert len(dataset) == 2
    with pytest.raises(InputError, match="opened without labels"):
        dataset.labels(0)


def test_files_that_cannot_be_used_are_named(tmp_path):
    root = samples.fmb(tmp_path)
    dataset = open_dataset("fmb", root, "test")
    Image.fromarray(np.zeros((8, 16), np.uint16)).save(root / "test/Infrared/00001.png")
    with pytest.raises(FrameError, match=r"00001.png has pixels of kind 'I;16'"):
        dataset.image(0)
    whole = (root / "test/Label/00001.png").read_bytes()
    for damaged in (b"", b"no image", whole[: len(whole) // 2]):
        (root / "test/Label/00001.png").write_bytes(damaged)
        with pytest.raises(FrameError, match=r"00001.png"):
            dataset.labels(0)


def test_palette_labels_are_ids_not_colours(tmp_path):
    root = samples.fmb(tmp_path)
    file = Path(root / "test/Label/00001.png")
    image = Image.fromarray(np.asarray(Image.open(file)))
    image.putpalette([0, 0, 255] * 256)
    image.save(file)
    assert open_dataset("fmb", root, "test").labels(0)[0, :4].tolist() == [NONE, 4, 5, 1]


def test_resizes_are_pillows():
    image = np.zeros((4, 4, 3), np.uint8)
    image[:, 2:] = 255
    assert resize_image(image, (2, 2))[0, :, 0].tolist() == [36, 219]  # antialiased: OpenCV's gives 0 and 255
    labels = np.arange(4, dtype=np.uint8)[None]
    assert resize_labels(labels, (1, 2)).tolist() == [[1, 3]]  # the middle's neighbour: OpenCV's gives 0 and 2


def test_crops_are_anywhere_and_mirrored_together():
    labels = np.arange(12, dtype=np.uint8).reshape(3, 4)
    image = np.dstack([labels] * 3)
    rng = np.random.default_rng(0)
    seen = set()
    for _ in range(200):
        crop, cut = random_crop(rng, image, labels, (2, 3))
        assert cut is not None and (crop[..., 0] == cut).all()
        seen.add(tuple(cut[0]))
    assert seen == {(0, 1, 2), (2, 1, 0), (1, 2, 3), (3, 2, 1), (4, 5, 6), (6, 5, 4), (5, 6, 7), (7, 6, 5)}
    assert random_crop(rng, image, None, (2, 3))[1] is None
