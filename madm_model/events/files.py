"""Event files -> unchecked columns, a chunk at a time: Prophesee .raw, AEDAT 4, DSEC .h5 and text."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from madm_model.events.container import EventError
from madm_model.events.decoders import Columns, make_decoder, optional_module

Size = tuple[int, int]
"""Width and height of a sensor, pixels."""

_RAW_CHUNK_BYTES = 1 << 21
_CHUNK_EVENTS = 1 << 20
_TEXT_CHUNK_LINES = 1 << 16
_PROPHESEE_GEN4: Size = (1280, 720)
_PROPHESEE_GEN3: Size = (640, 480)
_DSEC: Size = (640, 480)


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
        while True:
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
        self._open = lambda: dv.io.MonoCameraRecording(str(path))
        try:
            recording: Any = self._open()
        except Exception as error:  # the library raises plain runtime errors
            raise EventError(f"{path} cannot be read as AEDAT 4: {error}") from None
        if not recording.isEventStreamAvailable():
            raise EventError(f"{path} holds no event stream: record it with events")
        self.size: Size = tuple(recording.getEventResolution())

    def columns(self) -> Iterator[Columns]:
        """Events, packet by packet."""
        recording = self._open()
        while (store := recording.getNextEventBatch()) is not None:
            table = store.numpy()
            yield (
                table["timestamp"].astype(np.int64),
                table["x"].astype(np.uint16),
                table["y"].astype(np.uint16),
                table["polarity"].astype(np.uint8),
            )


class DsecFile:
    """A file in the layout of the DSEC data set: events/{t,x,y,p}, ms_to_idx and t_offset."""

    def __init__(self, path: Path) -> None:
        """Open the file.

        Raises:
            EventError: h5py is missing, or the file is not in this layout.
        """
        h5py = optional_module("h5py")
        if h5py is None:
            raise EventError(f"reading {path} needs h5py: pip install h5py hdf5plugin")
        # Importing it registers the compression that the data set uses.
        optional_module("hdf5plugin")
        try:
            self._file: Any = h5py.File(path, "r")
        except OSError as error:
            raise EventError(f"{path} cannot be read as HDF5: {error}") from None
        missing = [name for name in ("events/t", "events/x", "events/y", "events/p") if name not in self._file]
        if missing:
            raise EventError(f"{path} is not in the layout of DSEC, it lacks {', '.join(missing)}")
        self._path = path
        self.size = _DSEC

    def columns(self, start_s: float | None, end_s: float | None) -> Iterator[Columns]:
        """Events from `start_s` on and before `end_s`, seconds from the start of the file; ms_to_idx finds them."""
        events = self._file["events"]
        offset = int(self._file["t_offset"][()]) if "t_offset" in self._file else 0
        start_us = 0 if start_s is None else round(start_s * 1e6)
        end_us = None if end_s is None else round(end_s * 1e6)
        count = len(events["t"])
        has_table = "ms_to_idx" in self._file
        first = self._index(start_us // 1000, count) if has_table else 0
        stop = self._index(end_us // 1000 + 1, count) if has_table and end_us is not None else count
        try:
            for at in range(first, stop, _CHUNK_EVENTS):
                t_us = events["t"][at : min(at + _CHUNK_EVENTS, stop)].astype(np.int64)
                low = at + int(np.searchsorted(t_us, start_us))
                high = at + (len(t_us) if end_us is None else int(np.searchsorted(t_us, end_us)))
                yield (
                    t_us[low - at : high - at] + offset,
                    events["x"][low:high].astype(np.uint16),
                    events["y"][low:high].astype(np.uint16),
                    (events["p"][low:high] > 0).astype(np.uint8),
                )
        except OSError as error:
            raise EventError(f"{self._path} cannot be unpacked ({error}): pip install hdf5plugin") from None

    def _index(self, ms: int, count: int) -> int:
        """Index of the first event of a millisecond, `count` behind the end."""
        table = self._file["ms_to_idx"]
        return int(table[ms]) if ms < len(table) else count


_TEXT_SIZE = re.compile(r"\s*(\d+)\s+(\d+)\s*$")


def text_size(path: Path) -> Size:
    """Sensor size of a text file: its first line if that holds just width and height, else the extent of its events.

    Raises:
        EventError: the file is not such a text.
    """
    with path.open() as file:
        found = _TEXT_SIZE.match(file.readline())
    if found:
        return int(found[1]), int(found[2])
    width = height = 0
    for _, x, y, _ in text_columns(path):
        width, height = max(width, int(x.max()) + 1), max(height, int(y.max()) + 1)
    if not width:
        raise EventError(f"{path} holds no events")
    return width, height


def text_columns(path: Path) -> Iterator[Columns]:
    """Events of a text file with a line `t x y p` each.

    Times with a decimal point are seconds, those without microseconds; p is 1 for on, 0 or -1 for off. Empty lines
    and those that start with # are passed over.

    Raises:
        EventError: a line is not of this form.
    """
    with path.open() as file:
        first = file.readline()
        while first.startswith("#") or (first and not first.strip()):
            first = file.readline()
        sized = _TEXT_SIZE.match(first)
        sample = file.readline() if sized else first
        if not sample.strip():
            return
        if len(sample.split()) != 4:
            raise EventError(f"{path} is no event text: each line has to be 't x y p', not {sample.strip()[:40]!r}")
        in_seconds = any(mark in sample.split()[0] for mark in ".eE")
    with path.open() as file:
        if sized:
            file.readline()
        while lines := list(itertools.islice(file, _TEXT_CHUNK_LINES)):
            # loadtxt warns of lines without content, unlike this.
            if not any(line.strip() and not line.startswith("#") for line in lines):
                continue
            try:
                table = np.loadtxt(lines, ndmin=2, dtype=np.float64)
            except ValueError as error:
                raise EventError(f"{path} is no event text, each line has to be 't x y p': {error}") from None
            if table.shape[1] != 4 or table[:, 1:3].min() < 0:
                raise EventError(f"{path} is no event text: each line has to be 't x y p' with x and y from 0")
            t_us = np.round(table[:, 0] * (1e6 if in_seconds else 1.0)).astype(np.int64)
            x, y = table[:, 1].astype(np.uint16), table[:, 2].astype(np.uint16)
            yield t_us, x, y, (table[:, 3] > 0).astype(np.uint8)
