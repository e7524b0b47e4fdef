# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""DSEC, of which the events are a target: as the edge images that the paper's authors released, or the events.

Gehrig et al., "DSEC: A Stereo Event Camera Dataset for Driving Scenarios", RA-L 2021; labels of Sun et al., "ESS:
Learning Event-based Semantic Segmentation from Still Images", ECCV 2022; specification section 14.
"""

from __future__ import annotations

from pathlib import Path

from madm_model.datasets.layout import EventMoment, Ids, Layout, Picture, SplitFiles, list_files
from madm_model.io.frames import InputError
from madm_model.labels import STREET_11

SIZE = (440, 640)
"""The labels lack the lowest 40 rows of the sensor, which show the car."""
ENDING = ".png"
EDGES = {"train": "69mask_train_edges", "test": "69mask_test_edges"}
EVENTS = {"train": "train_events", "test": "test_events"}
RECORDING = "events/left/events.h5"
LABELS = {"train": "train_semantic_labels", "test": "test_semantic_labels"}
CLASSES = "11classes"
STAMPS = "semantic_timestamps.txt"

IDS: Ids = {number: (name,) for number, name in enumerate(STREET_11.names)} | {255: ()}


def _find(root: Path, split: str) -> SplitFiles:
    """69mask_SPLIT_edges/SEQUENCE/*.png where they are, else SPLIT_events/SEQUENCE/events/left/events.h5.

    Labels are SPLIT_semantic_labels/SEQUENCE/11classes/*.png.
    """
    pictures: dict[str, Picture] = {
        key.removeprefix(f"{EDGES[split]}/"): file
        for key, file in list_files(root, f"{EDGES[split]}/*/*", ENDING).items()
    }
    pictures = pictures or _moments(root, split)
    if not pictures:
        raise InputError(
            f"{root} does not hold DSEC ({split}): there is neither {EDGES[split]}/SEQUENCE/*{ENDING} nor "
            f"{EVENTS[split]}/SEQUENCE/{RECORDING}"
        )
    labels = {
        f"{file.parent.parent.name}/{file.stem}": file
        for file in list_files(root / LABELS[split], f"*/{CLASSES}/*", ENDING).values()
        # The first moment of a drive has no events before it: no image was released for it.
        if int(file.stem) > 0
    }
    return SplitFiles(pictures, labels, IDS)


def _moments(root: Path, split: str) -> dict[str, Picture]:
    """The moments of the labels: for testing all, for training every second one, as they were released."""
    step = 2 if split == "train" else 1
    moments: dict[str, Picture] = {}
    for recording in (root / EVENTS[split]).glob(f"*/{RECORDING}"):
        sequence = recording.relative_to(root / EVENTS[split]).parts[0]
        file = root / LABELS[split] / sequence / f"{sequence}_{STAMPS}"
        for number, stamp_us in list(enumerate(_read_stamps(file)))[step::step]:
            moments[f"{sequence}/{number:06d}"] = EventMoment(recording, stamp_us)
    return moments


def _read_stamps(path: Path) -> list[int]:
    """Microseconds, one moment a line."""
    try:
        return [int(line.split(",")[0]) for line in path.read_text().split("\n") if line.strip()]
    except FileNotFoundError:
        raise InputError(f"{path} is missing: it tells the moments that DSEC's labels are of") from None
    except (OSError, ValueError) as error:
        raise InputError(f"{path} is no list of times in microseconds, one a line: {error}") from None


DSEC = Layout(
    name="dsec",
    title="DSEC",
    modality="event",
    label_set=STREET_11,
    images={"train": 4037, "test": 2806},
    size=SIZE,
    training_size=(512, 768),
    find=_find,
)
