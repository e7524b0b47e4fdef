# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""How a test set is scored: sizes, the official half, conditions, lists, and all that is written of it."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from madm_model.evaluation import ConfusionMatrix
from madm_model.evaluation.protocol import count, select_images
from madm_model.evaluation.report import report_of, scores_of, write_report
from madm_model.io.frames import InputError
from madm_model.labels import LabelSet

LABELS = LabelSet(("road", "sky", "sign"), ((128, 64, 128), (70, 130, 180), (250, 170, 30)))


class Pictures:
    """Images of 8x6 with the truth in their first channel, except that image 0 shows road where sky is."""

    name, modality, label_set, training_size = "deliver", "depth", LABELS, (8, 8)
    paths = ("depth/night/test/MAP_1/000_front", "depth/sun/test/MAP_1/001_front", "depth/sun/test/MAP_2/002_front")

    def __len__(self) -> int:
        return len(self.paths)

    def file_name(self, index: int) -> str:
        return self.paths[index]

    def labels(self, index: int) -> np.ndarray:
        labels = np.zeros((6, 8), np.uint8)
        labels[:2] = 1
        labels[5] = 255
        return labels

    def image(self, index: int) -> np.ndarray:
        image = np.repeat(self.labels(index)[..., None], 3, axis=-1)
        return image if index else np.zeros_like(image)


def from_red(image: np.ndarray) -> np.ndarray:
    return np.where(image[..., 0] > 1, 0, image[..., 0]).astype(np.uint8)


def test_native_size_and_the_official_half():
    seen = []
    counted = count(lambda image: (seen.append(image.shape), from_red(image))[1], Pictures(), [0, 1, 2], "native")
    assert seen == [(6, 8, 3)] * 3
    # 40 labelled pixels an image: 16 sky, 24 road; image 0 is road everywhere.
    assert counted.whole.counts.tolist() == [[72, 16, 0], [0, 32, 0], [0, 0, 0], [0, 0, 0]]
    assert counted.official_half.counts.tolist() == [[48, 16, 0], [0, 16, 0], [0, 0, 0], [0, 0, 0]]  # 2 of 3
    assert counted.images == 3


def test_official_size():
    seen = []
    count(lambda image: (seen.append(image.shape), from_red(image))[1], Pictures(), [1], "official")
    assert seen == [(512, 512, 3)]


def test_nothing_to_compare_is_told():
    class Unlabelled(Pictures):
        def labels(self, index):
            return np.full((6, 8), 255, np.uint8)

        def image(self, index):
            return np.zeros((6, 8, 3), np.uint8)

    with pytest.raises(InputError, match="no pixel of deliver has a label"):
        count(from_red, Unlabelled(), [0], "native")


def test_conditions_and_lists(tmp_path):
    pictures = Pictures()
    assert select_images(pictures) == [0, 1, 2]
    assert select_images(pictures, "night") == [0]
    assert select_images(pictures, "sun") == [1, 2]
    with pytest.raises(InputError, match=r"'nigh' in its path.*--list"):
        select_images(pictures, "nigh")
    names = tmp_path / "names.txt"
    names.write_text("002_front.png\n\ndepth/night/test/MAP_1/000_front\n")
    assert select_images(pictures, names=names) == [0, 2]
    assert select_images(pictures, "sun", names) == [2]
    names.write_text("002_front\n017_front\n")
    with pytest.raises(InputError, match=r"no image 017_front; depth/night/test/MAP_1/000_front is one"):
        select_images(pictures, names=names)


def test_a_list_of_file_names_as_they_are(tmp_path):
    keys = ["night/a_000_019", "night/a_000_01", "sun/a_000_019", "sun/b_7"]
    pictures = type("City", (), {"name": "city", "file_name": lambda _, index: keys[index], "__len__": lambda _: 4})()
    names = tmp_path / "names.txt"
    names.write_text("b_7_leftImg8bit.png\nnight/a_000_019_leftImg8bit.png\na_000_01.png\n")
    assert select_images(pictures, names=names) == [0, 1, 3]
    names.write_text("a_000_019_leftImg8bit.png\n")
    with pytest.raises(InputError, match=r"could be 2 images, such as night/a_000_019 and sun/a_000_019"):
        select_images(pictures, names=names)


def test_all_scores_by_hand():
    matrix = ConfusionMatrix(3)
    matrix.counts[:] = [[6, 1, 0], [2, 3, 0], [0, 1, 0], [1, 0, 0]]  # sign is predicted once and never there
    scores = scores_of(matrix, LABELS)
    road, sky = 6 / (9 + 7 - 6), 3 / (5 + 5 - 3)
    assert scores["class_iou"] == pytest.approx({"road": road, "sky": sky, "sign": 0.0}, abs=1e-6)
    assert scores["miou"] == pytest.approx((road + sky) / 3, abs=1e-6)
    assert scores["miou_of_present"] == pytest.approx((road + sky) / 2, abs=1e-6)
    assert scores["frequency_weighted_iou"] == pytest.approx((9 * road + 5 * sky) / 14, abs=1e-6)
    assert scores["mean_accuracy"] == pytest.approx((6 / 9 + 3 / 5) / 2, abs=1e-6)
    assert scores["pixel_accuracy"] == pytest.approx(9 / 14, abs=1e-6)
    without_sky = scores_of(matrix, LabelSet(LABELS.names, LABELS.palette, ("sky",)))
    assert without_sky["miou"] == pytest.approx(road / 2, abs=1e-6)
    assert without_sky["miou_of_present"] == pytest.approx(road, abs=1e-6)
    assert scores_of(ConfusionMatrix(3), LABELS)["miou"] is None


def test_report_and_picture(tmp_path: Path):
    counted = count(from_red, Pictures(), [0, 1, 2], "native")
    about = {"model": "m", "dataset": "deliver", "split": "test", "protocol": "native"}
    report = report_of(counted, LABELS, about, has_half=True)
    write_report(tmp_path / "out", report)
    read = json.loads((tmp_path / "out" / "evaluation.json").read_text())
    assert read == report
    assert read["confusion"] == counted.whole.counts.tolist()
    assert (
        read["official_half"]["miou"] > read["whole"]["miou"] or read["official_half"]["miou"] < read["whole"]["miou"]
    )
    picture = cv2.imread(str(tmp_path / "out" / "confusion.png"))
    assert picture is not None
    assert "official_half" not in report_of(counted, LABELS, about, has_half=False)
