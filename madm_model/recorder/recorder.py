# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""A rolling recording: messages in, the last minutes of them on disk as closed bags."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

from madm_model.io import durable
from madm_model.io.bags import BagError, BagWriter
from madm_model.io.raw_message import RawMessage
from madm_model.recorder.config import GB, RecorderConfig
from madm_model.recorder.segments import Segments
from madm_model.recorder.still_images import StillImages

_RETRY_S = 5.0
"""After what could not be written, messages are dropped for so long."""


class RecordingError(Exception):
    """Messages are lost because they cannot be written; the recorder goes on by itself once they can."""


@dataclass
class RecorderCounters:
    """Messages since the start."""

    kept: int = 0
    """Written, those that have been deleted with their segments among them."""
    still: int = 0
    """Left out because they show what the last kept one does."""
    dropped: int = 0
    """Lost because they could not be written."""


@dataclass(frozen=True)
class RecorderStanding:
    """How a recorder stands, for other threads."""

    segments: int
    """Closed bags on disk."""
    bytes: int
    """Disk that they take, and the open one."""
    kept: int
    """As in `RecorderCounters`."""
    still: int
    """Likewise."""
    dropped: int
    """Likewise."""


class RollingRecorder:
    """Writes segments and deletes the oldest. To be used from one thread.

    Args:
        segments: the folder.
        config: how much is kept.
        clock: seconds on a clock that never goes back.
        free_bytes: disk that is free where a folder lies.

    Raises:
        OSError: segments that are too many cannot be deleted.
    """

    def __init__(
        self,
        segments: Segments,
        config: RecorderConfig,
        clock: Callable[[], float] = time.monotonic,
        free_bytes: Callable[[Path], int] = lambda folder: shutil.disk_usage(folder).free,
    ) -> None:
        self.segments, self._config = segments, config
        self.counters = RecorderCounters()
        self._clock, self._free_bytes = clock, free_bytes
        self._still = StillImages(config.still_difference)
        self._writer: BagWriter | None = None
        self._opened, self._in_open = 0.0, 0
        self._retry = float("-inf")
        self._forget_oldest()

    @property
    def bytes(self) -> int:
        """Disk that all segments take, the open one too."""
        return self.segments.bytes + (self._writer.bytes_on_disk if self._writer else 0)

    def standing(self) -> RecorderStanding:
        """How it stands now."""
        return RecorderStanding(len(self.segments.closed), self.bytes, **asdict(self.counters))

    def take(self, raw: RawMessage) -> None:
        """Write a message, unless it is an image that hardly differs from the last one written.

        Raises:
            FrameError: it is an image that cannot be decoded; it is left out.
            RecordingError: it cannot be written: it is lost, and with it the open segment if that broke.
        """
        if self._clock() < self._retry:
            self.counters.dropped += 1
            return
        try:
            self._close_if_due()
            if self._still.shows_the_same(raw):
                self.counters.still += 1
                return
            self._make_room()
            self._write(raw)
        except (BagError, OSError) as error:
            self._give_up(error, is_new=True)

    def idle(self) -> None:
        """Close the open segment if it is old or large enough; to be called now and then while no message comes.

        Raises:
            RecordingError: it is lost.
        """
        try:
            self._close_if_due()
        except (BagError, OSError) as error:
            self._give_up(error)

    def close(self) -> None:
        """Close the open segment, and let another recorder have the folder.

        Raises:
            RecordingError: the segment is lost.
        """
        try:
            self._close_segment()
        except (BagError, OSError) as error:
            self._give_up(error)
        finally:
            self.segments.close()

    def _write(self, raw: RawMessage) -> None:
        if self._writer is None:
            with durable.private_files():
                self._writer = BagWriter(self.segments.next_path())
            self._opened, self._in_open = self._clock(), 0
        self._writer.copy(raw)
        self._in_open += 1
        self.counters.kept += 1

    def _close_if_due(self) -> None:
        if self._writer is None:
            return
        is_old = self._clock() - self._opened >= self._config.segment_s
        if is_old or self._writer.bytes_on_disk >= self._config.segment_bytes:
            self._close_segment()

    def _close_segment(self) -> None:
        if self._writer is None:
            return
        with durable.private_files():
            self._writer.close()
        self.segments.add(self._writer.path, self._clock() - self._opened)
        self._writer, self._in_open = None, 0
        self._forget_oldest()

    def _forget_oldest(self) -> None:
        """Delete what is beyond the minutes and the quota."""
        while closed := self.segments.closed:
            is_enough = self.segments.seconds - closed[0].seconds >= 60 * self._config.minutes
            if not is_enough and self.bytes <= self._config.quota_bytes:
                return
            self.segments.drop_oldest()

    def _make_room(self) -> None:
        """Delete what is beyond the quota, and where others fill the disk.

        Raises:
            RecordingError: there is too little room all the same; the open segment has been closed.
        """
        self._forget_oldest()
        reserve = round(self._config.reserve_gb * GB)
        while (free := self._free_bytes(self.segments.folder)) < reserve:
            if not self.segments.drop_oldest():
                self._close_segment()
                self._still.forget()
                self.counters.dropped += 1
                self._retry = self._clock() + _RETRY_S
                raise RecordingError(
                    f"nothing is recorded: {free / GB:.2f} GB of disk are free for {self.segments.folder}, and "
                    f"reserve_gb is {self._config.reserve_gb:g}: free some, or lower it"
                )

    def _give_up(self, error: Exception, is_new: bool = False) -> None:
        """Lose the open segment, make room where the disk is full, and wait a while."""
        lost = self._in_open + is_new
        if self._writer is not None:
            self._writer.abort()
            self._writer = None
        self.counters.kept -= self._in_open
        self._in_open = 0
        self.counters.dropped += lost
        self._still.forget()
        self._retry = self._clock() + _RETRY_S
        if durable.is_disk_full(error):
            self.segments.drop_oldest()
        raise RecordingError(f"{error}; {lost} messages are lost, and it is tried again in {_RETRY_S:g} s") from None
