# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""One door to everything that holds images: a bag, a folder of image files, or one image file."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from madm_model.io.allowed import Roots, held
from madm_model.io.bags import BAG_SUFFIXES, BagReader
from madm_model.io.frames import FrameError, InputError, RawFrame
from madm_model.io.limits import MAX_PIXELS, check_size
from madm_model.io.messages import decode_picture, name_pixels

IMAGE_SUFFIXES = (".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp", ".npy")
_MAX_FILE_BYTES = 12 * MAX_PIXELS
"""Of an image file: three channels of four bytes a pixel."""


@dataclass(frozen=True)
class FrameSource:
    """Frames to iterate over, as often as wanted."""

    path: Path
    """Where they come from."""
    topic: str | None
    """The topic that is read, for a bag."""
    length: int | None
    """How many frames will come, bad ones included; None where only reading will tell."""
    rate_hz: float | None
    """Frames a second of the recording, stride counted in; None for image files."""
    _read: Callable[[], Iterator[RawFrame]]

    def __iter__(self) -> Iterator[RawFrame]:
        return self._read()


def open_frames(
    path: str | Path,
    topic: str | None = None,
    start_s: float | None = None,
    end_s: float | None = None,
    stride: int = 1,
    on_bad_frame: Callable[[FrameError], None] | None = None,
) -> FrameSource:
    """Open whatever the path names.

    Args:
        path: a bag (rosbag2 folder, or a .mcap, .db3 or .bag file), a folder of images, or one image. Files are read
            in the order of their names, numbers by value. PNG and TIFF keep their bit depth; a .npy file holds uint8
            (H, W) or (H, W, 3) RGB, uint16 (H, W), or float depth in metres (H, W). A frame_id is the file's name
            without the ending; with it where two files of the folder, as 1.png and 1.jpg, would have the same.
        topic: for a bag, the image topic; None for the only one.
        start_s: for a bag, skip what was recorded before, in seconds from its first message.
        end_s: for a bag, stop at what was recorded at or after this time, in seconds as above.
        stride: give every stride-th frame only.
        on_bad_frame: called for a frame that cannot be decoded, which is then skipped; by default it is raised.

    Raises:
        InputError: nothing is there, it holds no images, or an option does not fit it. While reading: BagError,
            FrameError as `BagReader.frames`.
    """
    path = Path(path)
    if stride < 1:
        raise InputError(f"the stride is {stride}: it has to be at least 1")
    if not path.exists():
        raise InputError(f"{path} does not exist: give a bag, a folder of images, or an image")
    files = _image_files(path)
    if files is None:
        return _open_bag(path, topic, start_s, end_s, stride, on_bad_frame)
    if topic is not None or start_s is not None or end_s is not None:
        raise InputError(f"{path} is not a bag: it has no topics and no times to choose from")
    with_ending = len({file.stem for file in files}) < len(files)
    files = files[::stride]

    def read() -> Iterator[RawFrame]:
        for file in files:
            try:
                frame = read_image(file)
            except FrameError as error:
                if on_bad_frame is None:
                    raise
                on_bad_frame(error)
                continue
            yield replace(frame, frame_id=file.name) if with_ending else frame

    return FrameSource(path, None, len(files), None, read)


def read_image(path: Path, roots: Roots = None) -> RawFrame:
    """Read one image file; its frame_id is the file's name without the ending, its stamp 0.

    Args:
        path: the file.
        roots: folders that it has to lie in.

    Raises:
        InputError: it does not lie there.
        FrameError: the file cannot be read or decoded.
    """
    try:
        with held(path, roots) as file:
            if not file.is_file():
                raise OSError("it is no file")
            if file.stat().st_size > _MAX_FILE_BYTES:
                raise OSError("it is too large for an image")
            if path.suffix.lower() == ".npy":
                array, encoding = _name_array(_load_array(file))
            else:
                array, encoding = name_pixels(decode_picture(np.fromfile(file, np.uint8)))
    except (OSError, ValueError, EOFError) as error:
        raise FrameError(f"{path}: the file cannot be read ({error})") from None
    except FrameError as error:
        raise FrameError(f"{path}: {error}") from None
    if 0 in array.shape:
        raise FrameError(f"{path}: the image has no pixels")
    return RawFrame(array, encoding, 0, path.stem)


def _load_array(path: Path) -> np.ndarray:
    """A .npy file's array. Mapped first: a header that claims more than the file holds takes no memory then."""
    array = np.lib.format.open_memmap(path, mode="r")
    if array.ndim in (2, 3):
        check_size("the array", array.shape[1], array.shape[0])
    return np.array(array)


def _name_array(array: np.ndarray) -> tuple[np.ndarray, str]:
    if np.issubdtype(array.dtype, np.floating):
        array = array.astype(np.float32, copy=False)
    if array.ndim == 3 and array.dtype == np.uint8 and array.shape[2] == 3:
        return array, "rgb8"
    return name_pixels(array)


def _image_files(path: Path) -> list[Path] | None:
    """The image files a path stands for, or None for a bag."""
    if path.is_file():
        if path.suffix.lower() in IMAGE_SUFFIXES:
            return [path]
        if path.suffix in BAG_SUFFIXES:
            return None
        raise InputError(f"{path} is neither a bag ({', '.join(BAG_SUFFIXES)}) nor an image ({_endings()})")
    names = sorted(file for file in path.iterdir() if not file.name.startswith("."))  # macOS leaves ._NAME in copies
    if (path / "metadata.yaml").exists() or any(file.suffix in BAG_SUFFIXES for file in names):
        return None
    files = [file for file in names if file.suffix.lower() in IMAGE_SUFFIXES and file.is_file()]
    if not files:
        raise InputError(f"{path} is neither a bag (no metadata.yaml) nor a folder of images ({_endings()})")
    return sorted(files, key=_numbers_by_value)


def _numbers_by_value(path: Path) -> list[tuple[int, str]]:
    return [(int(part), "") if part.isdigit() else (-1, part) for part in re.split(r"([0-9]+)", path.name)]


def _open_bag(
    path: Path,
    topic: str | None,
    start_s: float | None,
    end_s: float | None,
    stride: int,
    on_bad_frame: Callable[[FrameError], None] | None,
) -> FrameSource:
    with BagReader(path) as reader:
        name = reader.choose_topic(topic)
        whole = start_s is None and end_s is None
        count, duration_s = reader.topics()[name].count, reader.duration_s
    length = -(-count // stride) if whole else None
    rate_hz = (count - 1) / duration_s / stride if count > 1 and duration_s > 0 else None

    def read() -> Iterator[RawFrame]:
        with BagReader(path) as reader:
            yield from reader.frames(name, start_s, end_s, stride, on_bad_frame)
            reader.check_whole(end_s)

    return FrameSource(path, name, length, rate_hz, read)


def _endings() -> str:
    return ", ".join(IMAGE_SUFFIXES)
