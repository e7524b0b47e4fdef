# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""Event files of camera makers -> unchecked columns, a chunk at a time: Prophesee .raw and AEDAT 4."""

from __future__ import annotations

import io
import re
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from madm_model.events.container import EventError, Size
from madm_model.events.decoders import make_decoder
from madm_model.events.payloads import Columns, optional_module

_RAW_CHUNK_BYTES = 1 << 21
_MOST_HEADER_LINES = 200
_LARGEST_AEDAT4_HEADER = 1 << 20
_PROPHESEE_GEN4: Size = (1280, 720)
_PROPHESEE_GEN3: Size = (640, 480)


def raw_size(path: Path) -> Size:
    """Sensor size of a Prophesee .raw file from its text header; by the sensor generation where it names none.

    Raises:
        EventError: the file has no such header or is not EVT 3.0.
    """
    header, _ = _raw_header(path)
    found = re.search(r"geometry[ =](\d+)x(\d+)", header)
    if found:
        return int(found[1]), int(found[2])
    width, height = re.search(r"width=(\d+)", header), re.search(r"height=(\d+)", header)
    if width and height:
        return int(width[1]), int(height[1])
    return _PROPHESEE_GEN3 if "gen3" in header.lower() else _PROPHESEE_GEN4


def _raw_header(path: Path) -> tuple[str, int]:
    lines = []
    with path.open("rb") as file:
        while len(lines) < _MOST_HEADER_LINES:
            start = file.tell()
            line = file.readline(1024) if file.read(1) == b"%" else b""
            if not line:
                break
            lines.append(line.decode("latin-1").strip())
            if lines[-1] == "end":
                start = file.tell()
                break
    header = "\n".join(lines)
    if not re.search(r"evt 3\.0|format EVT3", header):
        kind = re.search(r"evt \S+|format \w+", header)
        raise EventError(
            f"{path} is {kind[0] if kind else 'no Prophesee recording'}, not EVT 3.0: "
            "convert it with the maker's tools (metavision_file_to_hdf5, or record as EVT 3.0)"
        )
    return header, start


def raw_columns(path: Path, size: Size) -> Iterator[Columns]:
    """Events of an EVT 3.0 .raw file."""
    _, start = _raw_header(path)
    decoder = make_decoder("evt3", *size)
    with path.open("rb") as file:
        file.seek(start)
        while data := file.read(_RAW_CHUNK_BYTES):
            yield decoder.decode(np.frombuffer(data, np.uint8), 0, False)


class Aedat4File:
    """An AEDAT 4 file through dv-processing."""

    def __init__(self, path: Path) -> None:
        """Open the file.

        Raises:
            EventError: dv-processing is missing, or the file is broken or holds no events.
        """
        dv = optional_module("dv_processing")
        if dv is None:
            raise EventError(
                f"reading {path} needs dv-processing: pip install dv-processing, or export the recording as text"
            )
        _check_aedat4(path)
        self._open = lambda: dv.io.MonoCameraRecording(str(path))
        try:
            recording: Any = self._open()
        except Exception as error:  # the library raises plain runtime errors
            raise EventError(f"{path} cannot be read as AEDAT 4: {error}") from None
        resolution = recording.getEventResolution() if recording.isEventStreamAvailable() else None
        if resolution is None:
            raise EventError(f"{path} holds no event stream: record it with events")
        self._path = path
        self.size: Size = tuple(resolution)

    def columns(self) -> Iterator[Columns]:
        """Events, packet by packet.

        Raises:
            EventError: the file is damaged.
        """
        try:
            recording = self._open()
            while (store := recording.getNextEventBatch()) is not None:
                table = store.numpy()
                yield (
                    table["timestamp"].astype(np.int64),
                    table["x"].astype(np.uint16),
                    table["y"].astype(np.uint16),
                    table["polarity"].astype(np.uint8),
                )
        except Exception as error:  # the library raises plain runtime errors
            raise EventError(f"{self._path} is damaged, it cannot be read further: {error}") from None


_AEDAT4 = b"#!AER-DAT4.0\r\n"
_AEDAT4_PACKET = struct.Struct("<iI")
"""Before each packet: number of its stream, bytes that follow."""


def _check_aedat4(path: Path) -> None:
    """Follow the chain of packets from the header to the table behind them, without unpacking any.

    dv-processing spins for ever, out of reach of Python's signals, where the chain is broken by a missing byte.

    Raises:
        EventError: the chain does not lead where it should.
    """
    with path.open("rb") as file:
        if file.read(len(_AEDAT4)) != _AEDAT4:
            raise EventError(f"{path} cannot be read as AEDAT 4: it does not begin like one")
        try:
            (length,) = struct.unpack("<I", file.read(4))
            header = file.read(min(length, _LARGEST_AEDAT4_HEADER))
            size = file.seek(0, io.SEEK_END)
            end = _aedat4_table(header)
            end = size if end < 0 else end
            at = len(_AEDAT4) + 4 + length
            while at < end <= size:
                file.seek(at)
                _, length = _AEDAT4_PACKET.unpack(file.read(_AEDAT4_PACKET.size))
                if not length:
                    break
                at += _AEDAT4_PACKET.size + length
        except struct.error:
            at, end = -1, 0
    if at != end:
        raise EventError(f"{path} is cut off or damaged, its packets do not follow each other: export what DV can read")


def _aedat4_table(header: bytes) -> int:
    """Where the table of packets begins, from the file's header, a FlatBuffer; negative if there is none.

    Raises:
        struct.error: this is no such header.
    """
    (root,) = struct.unpack_from("<I", header)
    (back,) = struct.unpack_from("<i", header, root)
    fields = root - back
    (length,) = struct.unpack_from("<H", header, fields)
    (place,) = struct.unpack_from("<H", header, fields + 6) if length >= 8 else (0,)
    (position,) = struct.unpack_from("<q", header, root + place) if place else (-1,)
    return int(position)
