# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""Label sets and how labels are drawn."""

from __future__ import annotations

import numpy as np
import pytest

from madm_model.io.frames import InputError
from madm_model.labels import (
    CITYSCAPES_19,
    CITYSCAPES_TRAIN_IDS,
    IGNORE,
    STREET_9,
    STREET_11,
    LabelSet,
    colorize,
    overlay,
    read_label_set,
    translation_table,
)


def test_class_orders_of_the_specification():
    assert STREET_11.names[3] == "person" and STREET_11.names[8] == "vehicle" and len(STREET_11) == 11
    assert STREET_9.names[2] == "person" and STREET_9.names[7] == "vehicle" and len(STREET_9) == 9
    assert STREET_9.palette[2] == STREET_11.palette[3] == (220, 20, 60)


@pytest.mark.parametrize(
    "label_set, expected",
    [
        (STREET_11, [5, 6, 1, 9, 2, 4, 10, 10, 7, 7, 0, 3, 3, *[8] * 6]),
        (STREET_9, [4, 5, 1, 255, 255, 3, 8, 8, 6, 6, 0, 2, 2, *[7] * 6]),
    ],
)
def test_every_id_of_cityscapes_has_the_class_of_the_specification(label_set, expected):
    table = translation_table(CITYSCAPES_TRAIN_IDS, label_set)
    assert table.tolist() == expected + [IGNORE] * (256 - 19)


def test_colorize_paints_ignored_pixels_black():
    painted = colorize(np.array([[5, IGNORE]], np.uint8), STREET_11)
    assert painted.tolist() == [[[128, 64, 128], [0, 0, 0]]]


@pytest.mark.parametrize(("opacity", "expected"), [(0.0, [10, 20, 30]), (1.0, [128, 64, 128]), (0.5, [69, 42, 79])])
def test_overlay_blends(opacity, expected):
    image = np.array([[[10, 20, 30]]], np.uint8)
    assert overlay(image, np.array([[5]], np.uint8), STREET_11, opacity)[0, 0].tolist() == expected


def test_overlay_shows_the_image_where_no_label_is():
    image = np.array([[[10, 20, 30]]], np.uint8)
    assert overlay(image, np.array([[IGNORE]], np.uint8), STREET_11, 1.0)[0, 0].tolist() == [10, 20, 30]


def test_bad_label_sets_are_refused():
    with pytest.raises(ValueError, match="2 class names but 1 colours"):
        LabelSet(("a", "b"), ((0, 0, 0),))
    with pytest.raises(ValueError, match="a comes more than once"):
        LabelSet(("a", "b", "a"), ((0, 0, 0),) * 3)
    with pytest.raises(ValueError, match="'a'"):
        LabelSet(("a",), ((0, 0, 300),))


def test_shipped_classes_of_cityscapes():
    assert len(CITYSCAPES_19) == 19
    assert CITYSCAPES_19.names[11] == "person" and CITYSCAPES_19.palette[11] == (220, 20, 60)
    assert CITYSCAPES_19.palette[18] == (119, 11, 32)


def test_classes_from_a_file(tmp_path):
    file = tmp_path / "own.yaml"
    file.write_text("classes:\n- {name: rail, colour: [1, 2, 3]}\n- {name: void, colour: [0, 0, 0], scored: false}\n")
    assert read_label_set(file) == LabelSet(("rail", "void"), ((1, 2, 3), (0, 0, 0)), ("void",))
    file.write_text('{"classes": [{"name": "rail", "colour": [1, 2, 3]}]}')
    assert read_label_set(str(file)).names == ("rail",)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("classes: []", "classes is \\[\\]: it needs at least 1"),
        ("- road", "have to be a mapping"),
        ("classes: [{name: a, colour: [1, 2]}]", "classes.0.colour.2' is missing"),
        ("classes: [{name: a, colour: [1, 2, 300]}]", "classes.0.colour.2 is 300"),
        ("classes: [{name: a, colour: [1, 2, 3]}, {name: a, colour: [1, 2, 3]}]", "a comes more than once"),
        ("classes: [{name: a, colour: [1, 2, 3], scored: false}]", "no class is left to be scored"),
        ("classes: {", "neither YAML nor JSON"),
    ],
)
def test_a_wrong_file_of_classes_is_one_line(text, complaint, tmp_path):
    file = tmp_path / "own.yaml"
    file.write_text(text)
    with pytest.raises(InputError, match=complaint) as error:
        read_label_set(file)
    assert str(file) in str(error.value) and "\n" not in str(error.value)


def test_unknown_classes_name_the_shipped_ones():
    with pytest.raises(InputError, match="use cityscapes19, street11, street9, or a YAML file"):
        read_label_set("street12")
