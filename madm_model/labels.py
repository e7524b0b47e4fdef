# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""Classes, their colours, and how label images are drawn.

Source: specification section 9.6 (palettes) and section 14 (class order, Cityscapes' ids).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
import yaml
from pydantic import Field

from madm_model.io.frames import InputError
from madm_model.settings import read_settings, settings

Byte = Annotated[int, Field(ge=0, le=255)]

IGNORE = 255
"""Label id of pixels that carry no class."""


@dataclass(frozen=True)
class LabelSet:
    """The classes of a model, in the order of its output channels.

    Attributes:
        names: one lower-case name per class; the index is the class id (0 to 254).
        palette: one (R, G, B) colour per class, 0 to 255; LPLR regresses these colours.
        not_scored: names of classes that evaluation leaves out of its means.

    Raises:
        ValueError: names and palette differ in length, a name comes twice, a colour is not three bytes, or a class
            that is not scored is none of the names.
    """

    names: tuple[str, ...]
    palette: tuple[tuple[int, int, int], ...]
    not_scored: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if len(self.names) != len(self.palette):
            raise ValueError(f"{len(self.names)} class names but {len(self.palette)} colours")
        if not all(isinstance(name, str) and name for name in self.names):
            raise ValueError("the name of a class is a text that is not empty")
        if not 0 < len(self.names) < IGNORE:
            raise ValueError(f"a label set has 1 to 254 classes, not {len(self.names)}")
        if twice := sorted({name for name in self.names if self.names.count(name) > 1}):
            raise ValueError(f"every class needs a name of its own: {', '.join(twice)} comes more than once")
        for name, colour in zip(self.names, self.palette):
            if len(colour) != 3 or not all(type(value) is int and 0 <= value <= 255 for value in colour):
                raise ValueError(f"the colour of class '{name}' is not three values of 0 to 255: {colour}")
        if unknown := sorted(set(self.not_scored) - set(self.names)):
            raise ValueError(f"{', '.join(unknown)}: not to be scored, but no class has that name")
        if len(set(self.not_scored)) == len(self.names):
            raise ValueError("no class is left to be scored")

    def __len__(self) -> int:
        return len(self.names)


@settings
class _Class:
    """A class in a file of classes."""

    name: Annotated[str, Field(min_length=1)]
    """What it is called."""
    colour: tuple[Byte, Byte, Byte]
    """Red, green and blue, 0 to 255."""
    scored: bool = True
    """Whether evaluation counts it in its means."""


@settings
class _ClassFile:
    """A file of classes."""

    classes: Annotated[tuple[_Class, ...], Field(min_length=1)]
    """In the order of the output channels."""


_SHIPPED = Path(__file__).parent / "label_sets"


def read_label_set(name: str | Path) -> LabelSet:
    """A label set from a file, written as those in label_sets/.

    Args:
        name: of a shipped one (street11, street9, cityscapes19), or a YAML or JSON file.

    Raises:
        InputError: there is no such set, or its file describes none; the message says what is wrong.
    """
    shipped = _SHIPPED / f"{name}.yaml"
    path = shipped if shipped.parent == _SHIPPED and shipped.is_file() else Path(name)
    try:
        classes = read_settings(_ClassFile, yaml.safe_load(path.read_text(encoding="utf-8"))).classes
        return LabelSet(
            tuple(each.name for each in classes),
            tuple(each.colour for each in classes),
            tuple(each.name for each in classes if not each.scored),
        )
    except FileNotFoundError:
        known = ", ".join(sorted(file.stem for file in _SHIPPED.glob("*.yaml")))
        raise InputError(f"there are no classes '{name}': use {known}, or a YAML file of your own") from None
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}") from None
    except yaml.YAMLError as error:
        raise InputError(f"{path} is neither YAML nor JSON: {' '.join(str(error).split())}") from None
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path} is no file of classes as label_sets/street9.yaml is: {error}") from None


STREET_11 = read_label_set("street11")
"""Depth (DELIVER) and event (DSEC): 11 classes. The official name of class 8 is "car"; it means every vehicle."""

STREET_9 = read_label_set("street9")
"""Thermal (FMB): 9 classes."""

CITYSCAPES_19 = read_label_set("cityscapes19")
"""Cityscapes' own classes, in the order of its trainIds."""

CITYSCAPES_TRAIN_IDS = (
    *("road", "sidewalk", "building", "wall", "fence", "pole", "traffic_sign", "traffic_sign"),
    *("vegetation", "vegetation", "sky", "person", "person", *("vehicle",) * 6),
)
"""The class that each of Cityscapes' 19 trainIds becomes: lights are signs, terrain is vegetation, riders are persons,
and everything that drives is a vehicle (specification section 14)."""


def translation_table(names: Sequence[str], label_set: LabelSet) -> np.ndarray:
    """A lookup table from ids of other labels to those of a label set, by the classes' names.

    Args:
        names: class of every other id, from 0 on.
        label_set: classes to translate to.

    Returns:
        uint8 (256,); `IGNORE` where the label set lacks the class, and for every id that has none.
    """
    table = np.full(256, IGNORE, np.uint8)
    for index, name in enumerate(names):
        if name in label_set.names:
            table[index] = label_set.names.index(name)
    return table


def colour_table(label_set: LabelSet) -> np.ndarray:
    """The palette as a lookup table, uint8 (256, 3), RGB; ids without a class, 255 included, are black."""
    table = np.zeros((256, 3), np.uint8)
    table[: len(label_set)] = label_set.palette
    return table


def colorize(labels: np.ndarray, label_set: LabelSet) -> np.ndarray:
    """Paint a label image, uint8 (H, W), in its palette: uint8 (H, W, 3), RGB."""
    return colour_table(label_set)[labels]


def overlay(image: np.ndarray, labels: np.ndarray, label_set: LabelSet, opacity: float = 0.5) -> np.ndarray:
    """Blend the label colours over an RGB image.

    Args:
        image: uint8 (H, W, 3), RGB.
        labels: uint8 (H, W); pixels of `IGNORE` show the image alone.
        opacity: weight of the label colour, 0 (image only) to 1 (labels only).

    Returns:
        uint8 (H, W, 3), RGB.
    """
    weight = round(256 * opacity)
    blended = (image.astype(np.uint16) * (256 - weight) + colorize(labels, label_set).astype(np.uint16) * weight) >> 8
    return np.where((labels == IGNORE)[..., None], image, blended.astype(np.uint8))


def count_pixels(labels: np.ndarray, num_classes: int) -> np.ndarray:
    """Pixels per class of labels (H, W), ids or 255: int64 (K,); `IGNORE` is not counted."""
    return np.bincount(labels[labels != IGNORE].ravel(), minlength=num_classes)[:num_classes]
