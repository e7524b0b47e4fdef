# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""Pictures for people: panels beside each other, contact sheets with a legend, overlay videos."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import cv2
import numpy as np

from madm_model.io.names import check_name
from madm_model.labels import LabelSet

_GAP = 4
_WHITE = 255
_FONT = cv2.FONT_HERSHEY_SIMPLEX


def save_png(path: Path, image: np.ndarray) -> None:
    """Write an image, uint8 (H, W) or (H, W, 3) RGB, as PNG.

    Raises:
        OSError: the file cannot be written (folder missing, disk full).
    """
    done, data = cv2.imencode(".png", image if image.ndim == 2 else cv2.cvtColor(image, cv2.COLOR_RGB2BGR))
    if not done:
        raise OSError(f"{path}: the image of shape {image.shape} cannot be encoded")
    path.write_bytes(data.tobytes())


def titled(image: np.ndarray, title: str) -> np.ndarray:
    """The image, uint8 (H, W, 3) RGB, under a white strip with a title."""
    strip = np.full((20, image.shape[1], 3), _WHITE, np.uint8)
    cv2.putText(strip, title, (3, 14), _FONT, 0.45, (0, 0, 0), 1, cv2.LINE_AA)
    return np.vstack([strip, image])


def beside(images: Sequence[np.ndarray]) -> np.ndarray:
    """Images of one height, uint8 (H, W_i, 3), in a row with a white gap."""
    gap = np.full((images[0].shape[0], _GAP, 3), _WHITE, np.uint8)
    parts = [part for image in images for part in (gap, image)]
    return np.hstack(parts[1:])


def legend(label_set: LabelSet, width: int) -> np.ndarray:
    """Class names beside their colours, uint8 (h, width, 3), as many to a row as fit."""
    cell = 118
    columns = max(1, width // cell)
    rows = -(-len(label_set) // columns)
    image = np.full((rows * 20 + 6, width, 3), _WHITE, np.uint8)
    for index, (name, colour) in enumerate(zip(label_set.names, label_set.palette)):
        x, y = (index % columns) * cell + 4, (index // columns) * 20 + 4
        cv2.rectangle(image, (x, y), (x + 14, y + 14), colour, -1)
        cv2.putText(image, name, (x + 19, y + 12), _FONT, 0.4, (0, 0, 0), 1, cv2.LINE_AA)
    return image


def contact_sheet(rows: Sequence[Sequence[np.ndarray]], titles: Sequence[str], label_set: LabelSet) -> np.ndarray:
    """Rows of panels under their titles, with the legend below.

    Args:
        rows: each a sequence of uint8 (H, W, 3) RGB panels of one size.
        titles: one per column.
        label_set: drawn as the legend.

    Returns:
        uint8 (H', W', 3), RGB.
    """
    lines = []
    for number, row in enumerate(rows):
        panels = [titled(panel, title) for panel, title in zip(row, titles)] if number == 0 else list(row)
        line = beside(panels)
        lines += [line, np.full((_GAP, line.shape[1], 3), _WHITE, np.uint8)]
    return np.vstack([*lines, legend(label_set, lines[0].shape[1])])


@contextmanager
def _quiet_stderr() -> Iterator[None]:
    """Keeps what C libraries print from the console: FFmpeg warns of VP8 in .webm, which is what .webm is for."""
    kept, nothing = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nothing, 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nothing)


class VideoFile:
    """An .mp4 or .webm written frame by frame; the first frame decides the size.

    Browsers play .webm alone: OpenCV has no encoder of what they play in .mp4. It takes fifteen times the time.

    Raises:
        InputError: its name is not UTF-8.
        OSError: the file cannot be opened for writing.
    """

    def __init__(self, path: Path, fps: float) -> None:
        check_name(path)  # FFmpeg crashes on it
        self.path = path
        self._fps = fps
        self._size: tuple[int, int] | None = None
        self._writer: cv2.VideoWriter | None = None

    def __enter__(self) -> VideoFile:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def close(self) -> None:
        """Finish the file; nothing can be added after."""
        if self._writer is not None:
            self._writer.release()

    def add(self, image: np.ndarray) -> None:
        """Append a frame, uint8 (H, W, 3) RGB; one of another size is scaled to the first one's."""
        if self._writer is None:
            # mp4v wants even sides.
            self._size = (image.shape[1] // 2 * 2, image.shape[0] // 2 * 2)
            codec = cv2.VideoWriter_fourcc(*("VP80" if self.path.suffix == ".webm" else "mp4v"))
            with _quiet_stderr():
                self._writer = cv2.VideoWriter(str(self.path), codec, self._fps, self._size)
            if not self._writer.isOpened():
                raise OSError(f"cannot write the video {self.path}")
        frame = image if image.shape[1::-1] == self._size else cv2.resize(image, self._size)
        self._writer.write(cv2.cvtColor(frame, cv2.COLOR_RGB2BGR))
