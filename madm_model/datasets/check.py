# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""What is missing from a data set's folder, or malformed in it: told at once, before anything long begins."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from madm_model.datasets.dataset import find_layout
from madm_model.datasets.files import picture_size, read_ids, read_picture
from madm_model.datasets.layout import EventMoment, Layout, Picture, Size, SplitFiles
from madm_model.datasets.miniature import Miniature, read_note
from madm_model.io.frames import InputError

_SHOWN = 3
"""Files that are named of every kind of problem in a split."""
_SAMPLED_LABELS = 8
"""Label files of a split whose ids are looked at if not all are."""


@dataclass(frozen=True)
class SplitCount:
    """How many files a split has."""

    split: str
    images: int
    labels: int
    expected: int
    """Images in the release, or in the miniature."""


@dataclass
class CheckReport:
    """What a check found."""

    counts: list[SplitCount] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    """One line each; empty where all is as it should be."""


Problem = tuple[str, object]
"""What is wrong with a file, and the file."""


def check_dataset(
    name: str,
    root: Path,
    splits: Iterable[str] | None = None,
    deep: bool = False,
    on_files: Callable[[int, int], None] = lambda _done, _total: None,
) -> CheckReport:
    """Look at the files of a data set: all their headers, and the ids in a few labels of every split.

    Args:
        name: of the data set.
        root: its folder.
        splits: those to look at; None for all.
        deep: read every image, and the ids of every label.
        on_files: told how many files of how many of a split have been looked at.

    Returns:
        Counts of the splits, and what is wrong: images and labels that lack each other, files that cannot be read,
        sizes and ids that the release does not have, and another number of images than it has.

    Raises:
        InputError: there is no such data set or folder.
    """
    layout, report = find_layout(name), CheckReport()
    note = read_note(root)
    if note is not None and note.dataset != name:
        raise InputError(f"{root} is a miniature of {note.dataset}, not of {name}")
    for split in layout.images if splits is None else splits:
        try:
            found = layout.files(root, split)
        except InputError as error:
            if split not in layout.images or not root.is_dir():
                raise
            report.problems.append(f"{split}: {error}")
            continue
        count = SplitCount(split, len(found.pictures), len(found.labels), _expected(layout, split, note))
        report.counts.append(count)
        if count.images != count.expected:
            report.problems.append(f"{split}: {count.images} images, where {count.expected} are expected")
        problems: list[Problem] = []
        if layout.needs_labels(split):
            pictures, labels = found.pictures.keys(), found.labels.keys()
            problems += [("images without labels", key) for key in sorted(pictures - labels)]
            problems += [("labels without an image", key) for key in sorted(labels - pictures)]
        size = layout.size if note is None else (note.height, note.width)
        problems += _wrong_files(found, size, layout.needs_labels(split), deep, on_files)
        report.problems += [f"{split}: {line}" for line in _in_lines(problems)]
    return report


def _expected(layout: Layout, split: str, note: Miniature | None) -> int:
    return layout.images[split] if note is None else note.frames


def _in_lines(problems: list[Problem]) -> list[str]:
    """The same problem of many files becomes one line."""
    files: dict[str, list[str]] = defaultdict(list)
    for what, file in problems:
        files[what].append(str(file))
    return [
        f"{len(names)} {what}: {', '.join(names[:_SHOWN])}"
        + (f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else "")
        for what, names in files.items()
    ]


def _wrong_files(
    found: SplitFiles, size: Size, needs_labels: bool, deep: bool, on_files: Callable[[int, int], None]
) -> list[Problem]:
    """Problems of the files by themselves."""
    labels = list(found.labels.values()) if needs_labels else []
    sampled = set(labels if deep else labels[:: max(1, len(labels) // _SAMPLED_LABELS)])
    pictures = _to_look_at(found.pictures.values(), deep)

    def look(file: Picture, is_label: bool) -> list[Problem]:
        try:
            if isinstance(file, EventMoment):
                read_picture(file)
                return []
            problems: list[Problem] = []
            if (found_size := picture_size(file)) != size:
                wrong = f"files of {found_size[1]}x{found_size[0]} pixels in place of {size[1]}x{size[0]}"
                problems.append((wrong, file))
            if is_label and file in sampled:
                held = np.flatnonzero(np.bincount(read_ids(file).ravel()))
                strays = [number for number in held.tolist() if number not in found.ids]
                problems += [(f"labels with the id {number}, which means nothing", file) for number in strays]
            elif deep:
                read_picture(file)
            return problems
        except InputError as error:
            return [("files that cannot be used", error)]

    files = [(picture, False) for picture in pictures] + [(file, True) for file in labels]
    problems: list[Problem] = []
    with ThreadPoolExecutor(os.cpu_count()) as executor:
        for done, wrong in enumerate(executor.map(look, *zip(*files)) if files else (), 1):
            problems += wrong
            on_files(done, len(files))
    return problems


def _to_look_at(pictures: Iterable[Picture], deep: bool) -> list[Picture]:
    """All files; of the moments of a recording the first and the last, which cost reading events."""
    pictures = list(pictures)
    if deep or not any(isinstance(picture, EventMoment) for picture in pictures):
        return pictures
    ends: dict[Path, list[EventMoment]] = {}
    for picture in pictures:
        assert isinstance(picture, EventMoment)
        ends.setdefault(picture.recording, [picture, picture])[1] = picture
    return [moment for first, last in ends.values() for moment in dict.fromkeys((first, last))]
