# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""HDF5 files in the layout of the DSEC data set -> unchecked columns, a chunk at a time."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from madm_model.events.container import EventError, Size
from madm_model.events.payloads import Columns, optional_module

DSEC_SUFFIXES = (".h5", ".hdf5")

_CHUNK_EVENTS = 1 << 20
_SIZE: Size = (640, 480)
_COLUMNS = ("events/t", "events/x", "events/y", "events/p")
_LARGEST_CHUNK_BYTES = 1 << 28
"""HDF5 unpacks a chunk as a whole; what writes event files makes them of some megabytes at most."""
_MOST_PACKED = 1000
"""Times that events/t, which grows and grows, is larger than what is stored of it; a tenth of that is a lot."""


class DsecFile:
    """A file in the layout of the DSEC data set: events/{t,x,y,p}, ms_to_idx and t_offset."""

    def __init__(self, path: Path) -> None:
        """Open the file.

        Raises:
            EventError: h5py is missing, or the file is damaged or not in this layout, or a part of it lies elsewhere.
        """
        h5py = optional_module("h5py")
        if h5py is None:
            raise EventError(f"reading {path} needs h5py: pip install h5py hdf5plugin")
        # Importing it registers the compression that the data set uses.
        optional_module("hdf5plugin")
        self.size: Size = _SIZE
        self._h5py: Any = h5py
        self._path = path
        try:
            self._file: Any = h5py.File(path, "r")
        except (OSError, RuntimeError, ValueError) as error:
            raise EventError(f"{path} cannot be read as HDF5: {error}") from None
        with self._readable():
            parts = {name: self._part(name) for name in (*_COLUMNS, "t_offset", "ms_to_idx")}
            missing = [name for name in _COLUMNS if parts[name] is None]
            if missing:
                raise EventError(f"{path} is not in the layout of DSEC, it lacks {', '.join(missing)}")
            self._t, self._x, self._y, self._p = (self._column(name, parts[name]) for name in _COLUMNS)
            self._count = len(self._t)
            if {len(column) for column in (self._x, self._y, self._p)} != {self._count}:
                raise EventError(f"{path} is damaged: {', '.join(_COLUMNS)} are not of one length")
            if self._count * self._t.dtype.itemsize > _MOST_PACKED * (self._t.id.get_storage_size() + 4096):
                raise EventError(f"{path} is damaged: it claims {self._count} events, which are not in it")
            offset = parts["t_offset"]
            self._offset = 0 if offset is None else int(offset[()])
            table = parts["ms_to_idx"]
            self._table = None if table is None else self._column("ms_to_idx", table)

    @property
    def offset_us(self) -> int:
        """What the data set's clock shows at the start of the file, microseconds."""
        return self._offset

    def columns(self, start_s: float | None, end_s: float | None) -> Iterator[Columns]:
        """Events from `start_s` on and before `end_s`, seconds from the start of the file; ms_to_idx finds them.

        Raises:
            EventError: the file is damaged, or its compression is not installed.
        """
        start_us = 0 if start_s is None else round(start_s * 1e6)
        end_us = None if end_s is None else round(end_s * 1e6)
        with self._readable():
            first = self._index(start_us // 1000, 0)
            stop = self._count if end_us is None else self._index(end_us // 1000 + 1, self._count)
            for at in range(first, stop, _CHUNK_EVENTS):
                t_us = self._t[at : min(at + _CHUNK_EVENTS, stop)].astype(np.int64)
                low = at + int(np.searchsorted(t_us, start_us))
                high = at + (len(t_us) if end_us is None else int(np.searchsorted(t_us, end_us)))
                yield (
                    t_us[low - at : high - at] + self._offset,
                    _coordinate(self._x[low:high]),
                    _coordinate(self._y[low:high]),
                    (self._p[low:high] > 0).astype(np.uint8),
                )

    def _index(self, ms: int, without_table: int) -> int:
        """Index of the first event of a millisecond, the number of events behind the end."""
        if self._table is None:
            return without_table
        return min(max(int(self._table[ms]), 0), self._count) if ms < len(self._table) else self._count

    def _part(self, name: str) -> Any:
        """What bears a name; None if nothing does. Nothing is looked up outside the file."""
        part = self._file
        for step in name.encode().split(b"/"):
            if not isinstance(part, self._h5py.Group) or not part.id.links.exists(step):
                return None
            if part.id.links.get_info(step).type != self._h5py.h5l.TYPE_HARD:
                raise EventError(f"{self._path} has a link in place of {name}: copy the data into one file (h5repack)")
            part = part[step]
        return part

    def _column(self, name: str, part: Any) -> Any:
        """A part that is a column of numbers, which lies in the file and can be read in pieces."""
        if not isinstance(part, self._h5py.Dataset) or part.ndim != 1 or part.dtype.kind not in "iub":
            raise EventError(f"{self._path} is not in the layout of DSEC: {name} is no column of whole numbers")
        if part.is_virtual or part.external:
            raise EventError(f"{self._path} keeps {name} in another file: copy the data into one file (h5repack)")
        if part.chunks and part.chunks[0] * part.dtype.itemsize > _LARGEST_CHUNK_BYTES:
            raise EventError(f"{self._path} has {name} in chunks of {part.chunks[0]}: rewrite it (h5repack) with less")
        return part

    @contextmanager
    def _readable(self) -> Iterator[None]:
        """Errors of the library, which are of many kinds, in one sentence."""
        try:
            yield
        except (OSError, RuntimeError, KeyError, ValueError, TypeError, OverflowError, MemoryError) as error:
            if "filter" in str(error):
                raise EventError(f"{self._path} cannot be unpacked ({error}): pip install hdf5plugin") from None
            raise EventError(f"{self._path} is damaged, it cannot be read further: {error}") from None


def _coordinate(values: np.ndarray) -> np.ndarray:
    """uint16; what does not fit becomes 65535, which lies outside every sensor."""
    if values.dtype.itemsize > 2 or values.dtype.kind == "i":
        values = np.where((values >= 0) & (values <= 0xFFFF), values, 0xFFFF)
    return values.astype(np.uint16)
