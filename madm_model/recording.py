# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""From a recording to a folder of results: the offline twin of the ROS node."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from madm_model.events.container import EventError
from madm_model.io.bags import BagError, BagWriter, make_image_message
from madm_model.io.frames import FrameError, InputError, RawFrame
from madm_model.io.names import check_name
from madm_model.io.sources import FrameSource
from madm_model.labels import LabelSet, colorize, overlay
from madm_model.modalities import Preprocessor
from madm_model.pictures import VideoFile, contact_sheet, save_png
from madm_model.segmenter import Segmentation, Segmenter

_SHEET_ROWS = 6
_DEFAULT_FPS, _MOST_FPS = 10.0, 120.0


@dataclass
class RecordingSummary:
    """What became of a recording."""

    frames: int = 0
    """Frames segmented."""
    skipped: list[str] = field(default_factory=list)
    """Why frames were left out, one sentence each."""
    broken_off: str = ""
    """Why the recording could not be read to its end; empty if it could."""
    milliseconds: dict[str, list[float]] = field(
        default_factory=lambda: {"pre-processing": [], "inference": [], "writing": []}
    )
    """Per stage, the time of each frame."""


class ResultFolder:
    """Writes labels/, overlay.mp4, contact_sheet.png and, for a bag or events, bag/ with images and labels.

    Args:
        folder: must not exist or be empty.
        label_set: names and colours of the classes.
        opacity: of the label colours over the image, 0 to 1.
        rate_hz: frames a second of the recording, for the video; None means 10.
        expected: number of frames to come, if known: spreads the sheet's rows over the recording.
        made_topic: the topic of frames that are no messages of a recording but made of many, as edge frames are: they
            are numbered, and bag/ holds them beside their labels. None for images: bag/ copies their messages.

    Raises:
        InputError: the folder holds something already, or its name is not UTF-8.
    """

    def __init__(
        self,
        folder: Path,
        label_set: LabelSet,
        opacity: float,
        rate_hz: float | None,
        expected: int | None,
        made_topic: str | None = None,
    ) -> None:
        check_name(folder)
        if folder.exists() and any(folder.iterdir()):
            raise InputError(f"{folder} is not empty: choose another folder or remove it")
        (folder / "labels").mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self._label_set = label_set
        self._opacity = opacity
        self._made_topic = made_topic
        self._sheet_every = max(1, (expected or 10 * _SHEET_ROWS) // _SHEET_ROWS)
        self._rows: list[list[np.ndarray]] = []
        self._count = 0
        self._video = VideoFile(folder / "overlay.mp4", min(max(rate_hz or _DEFAULT_FPS, 1.0), _MOST_FPS))
        self._bag: BagWriter | None = None

    def add(self, image: np.ndarray, frame: RawFrame, result: Segmentation) -> None:
        """Write one frame.

        Args:
            image: the network image, uint8 (H, W, 3).
            frame: where it came from: its message is copied beside the labels, or its frame_id is the name.
            result: labels and confidence, uint8 (H, W).

        Raises:
            OSError, BagError: the disk is full or cannot be written to.
        """
        raw = frame.recorded
        topic = raw.topic.name if raw is not None else self._made_topic
        name = frame.frame_id if topic is None else f"{self._count:06d}"
        save_png(self.folder / "labels" / f"{name}.png", result.labels)
        drawn = overlay(image, result.labels, self._label_set, self._opacity)
        self._video.add(drawn)
        if self._count % self._sheet_every == 0 and len(self._rows) < _SHEET_ROWS:
            same_size = not self._rows or self._rows[0][0].shape == image.shape
            if same_size:
                self._rows.append([image, drawn, colorize(result.labels, self._label_set)])
        if topic is not None:
            self._record(topic, frame, result.labels)
        self._count += 1

    def _record(self, topic: str, frame: RawFrame, labels: np.ndarray) -> None:
        if self._bag is None:
            self._bag = BagWriter(self.folder / "bag")
        recorded_ns = frame.stamp_ns
        if frame.recorded is not None:
            recorded_ns = frame.recorded.stamp_ns
            self._bag.copy(frame.recorded)
        else:
            self._bag.write(topic, _image_message(frame.array, frame.encoding, frame), recorded_ns)
        self._bag.write(label_topic(topic), _image_message(labels, "mono8", frame), recorded_ns)

    def close(self) -> None:
        """Finish the video, the sheet and the bag."""
        self._video.close()
        if self._rows:
            titles = ["image", "overlay", "labels"]
            save_png(self.folder / "contact_sheet.png", contact_sheet(self._rows, titles, self._label_set))
        if self._bag is not None:
            self._bag.close()
        labels = self.folder / "labels"
        if not any(labels.iterdir()):  # so that the folder can be used again
            labels.rmdir()


def _image_message(array: np.ndarray, encoding: str, frame: RawFrame) -> Any:
    return make_image_message(array, encoding, frame.stamp_ns, frame.frame_id)


def label_topic(image_topic: str) -> str:
    """The label topic beside an image topic: /thermal/image_raw gives /thermal/labels."""
    return image_topic.rsplit("/", 1)[0] + "/labels"


def segment_recording(
    source: FrameSource,
    preprocess: Preprocessor,
    segmenter: Segmenter,
    results: ResultFolder,
    on_frame: Callable[[], None],
) -> RecordingSummary:
    """Segment every frame and write the results; a frame that cannot be used is left out and named.

    Args:
        source: the frames, from `open_frames`.
        preprocess: raw frame to network image.
        segmenter: network image to labels.
        results: where they go; closed at the end.
        on_frame: called after each frame.

    Returns:
        the summary; `broken_off` is set where the recording ends in the middle: all before is written.
    """
    summary = RecordingSummary()
    try:
        for frame in source:
            try:
                started = time.perf_counter()
                image = preprocess(frame)  # (H, W, 3)
                preprocessed = time.perf_counter()
                (result,) = segmenter.segment([image])  # labels (H, W)
                segmented = time.perf_counter()
            except FrameError as error:
                summary.skipped.append(str(error))
                on_frame()
                continue
            results.add(image, frame, result)
            times = (preprocessed - started, segmented - preprocessed, time.perf_counter() - segmented)
            for stage, seconds in zip(summary.milliseconds, times):
                summary.milliseconds[stage].append(1000 * seconds)
            summary.frames += 1
            on_frame()
    except (BagError, EventError) as error:
        summary.broken_off = str(error)
    results.close()
    if not summary.frames and not summary.broken_off and not summary.skipped:
        summary.broken_off = f"{source.path} holds no frames in the chosen range"
    return summary
