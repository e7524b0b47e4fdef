# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""A segmenter that follows a version store: when another version becomes active, it takes over between two frames."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from madm_model.model_config import ModelConfig, ModelError
from madm_model.runtimes.sizes import KEPT_SIZES
from madm_model.store import BASE, StoreError, VersionStore
from madm_model.store.store import INDEX_FILE
from madm_ros.sharing.shared_network import SegmenterLike

_PERIOD_S = 0.5
_TRIALS, _LONGEST_PERIOD_S = 10, 4.0
"""How often a version that cannot be used is tried, and the longest pause between: about half a minute in all."""

_NOT_USED = -1, -1
"""In place of an index's signature: its active version could not be loaded, and is tried again."""

Load = Callable[[str | Path], SegmenterLike]
"""Makes a segmenter of a model folder, or of the embedded model's name."""


def open_segmenter(
    model: str, store: str, load: Load, on_error: Callable[[str], object], log_info: Callable[[str], object]
) -> SegmenterLike:
    """A segmenter of a model or, where a store is named, of the store's active version, with the model as its base.

    It has run once at the model's own size.

    Raises:
        ModelError: it cannot be loaded.
        StoreError: the store is no folder.
    """
    if not store:
        return _load_warm(load, model)
    root = Path(store).expanduser()
    if root.exists() and not root.is_dir():
        raise StoreError(f"store is {root}: it has to be a folder of model versions, or one that is yet to be made")
    from madm_model.checkpoint.model_names import resolve_model

    return FollowingSegmenter(VersionStore(root, resolve_model(model)), load, on_error, log_info)


def _load_warm(load: Load, model: str | Path) -> SegmenterLike:
    """A segmenter that has run once, and so is known to give finite scores."""
    segmenter = load(model)
    _warm_up(segmenter, [segmenter.config.input_size])
    return segmenter


def _warm_up(segmenter: SegmenterLike, sizes: Iterable[tuple[int, int]]) -> None:
    """Run it once at each size; it is closed where that fails.

    Raises:
        ModelError: it failed.
    """
    failure = ""
    try:
        for size in sizes:
            segmenter.warm_up(*size)
    except Exception as error:
        failure = str(error) or type(error).__name__
    if failure:  # not in the handler: the error's frames hold the network, whose memory would not be given back
        segmenter.close()
        raise ModelError(failure)


class FollowingSegmenter:
    """Segments with the active version of a store.

    A new active version is loaded and warmed up in a thread of its own, while frames go on through the present one;
    the first frame after that goes through the new one. No frame waits or is lost. A version that cannot be loaded, or
    whose scores are not finite, is reported once and the present one stays, the base at the start. While both are
    loaded, both take memory.

    Args:
        store: the versions; only read.
        load: makes a segmenter of a model folder.
        on_error: gets one line when a version cannot be used.
        log_info: gets one line when a version takes over.

    Raises:
        ModelError: neither the active version nor the base can be used.
    """

    def __init__(
        self,
        store: VersionStore,
        load: Load,
        on_error: Callable[[str], object],
        log_info: Callable[[str], object],
    ) -> None:
        self._store, self._load, self._on_error, self._log_info = store, load, on_error, log_info
        self._trouble = ""
        first = self._signature = self._index_signature()
        self._version, self._present = self._load_first()
        self._lock = threading.Lock()  # guards `_next`, `_outdated` and `_closed`
        self._next: tuple[str, SegmenterLike] | None = None
        self._outdated: list[SegmenterLike] = []
        self._sizes: dict[tuple[int, int], None] = {}
        """Of the cameras' images, the last seen last."""
        self._told_note = ""
        self._closed = threading.Event()
        self._tried, self._trials = first, int(self._signature == _NOT_USED)
        threading.Thread(target=self._follow, name="store follower", daemon=True).start()

    @property
    def folder(self) -> str:
        """The store's, absolute."""
        return str(self._store.root.absolute())

    @property
    def version(self) -> str:
        """The version that segments."""
        return self._version

    @property
    def model_folder(self) -> Path:
        """The model folder of the version that segments."""
        return self._store.folder(self._version)

    @property
    def trouble(self) -> str:
        """Why the version that segments is not the one that was made active last; empty if it is."""
        return self._trouble

    @property
    def config(self) -> ModelConfig:
        """Of the version that segments."""
        return self._present.config

    @property
    def device(self) -> Any:
        """Where it computes."""
        return self._present.device

    @property
    def runtime(self) -> str:
        """What runs it."""
        return self._present.runtime

    @property
    def largest_batch(self) -> int:
        """Images that gain by running together in it."""
        return self._present.largest_batch

    def segment(self, images: list[Any], *biases: Any) -> list[Any]:
        """As the segmenters it is made of; called from one thread."""
        if self._next is not None:
            self._take_over()
        for image in images:
            self._note_size(image.shape[:2])
        return self._present.segment(images, *biases)

    def warm_up(self, height: int, width: int) -> None:
        """Run the present version once."""
        self._present.warm_up(height, width)

    def close(self) -> None:
        """Stop following and give all memory back."""
        with self._lock:
            self._closed.set()
            waiting, self._next = self._next, None
            outdated, self._outdated = self._outdated, []
        for segmenter in (self._present, *(waiting[1:] if waiting else ()), *outdated):
            segmenter.close()

    def _load_first(self) -> tuple[str, SegmenterLike]:
        snapshot = self._store.read()
        if snapshot.note:
            self._trouble = snapshot.note
            self._on_error(snapshot.note)
        if snapshot.active != BASE:
            try:
                return snapshot.active, _load_warm(self._load, snapshot.folder)
            except Exception as error:
                self._trouble = f"version {snapshot.active} cannot be loaded, the base segments in its place: {error}"
                self._on_error(self._trouble)
                self._signature = _NOT_USED
        return BASE, _load_warm(self._load, self._store.base)

    def _note_size(self, size: tuple[int, int]) -> None:
        if size not in self._sizes:
            self._sizes[size] = None
            if len(self._sizes) > KEPT_SIZES:
                del self._sizes[next(iter(self._sizes))]

    def _take_over(self) -> None:
        with self._lock:
            if self._next is None:
                return
            # Closed by the follower: giving memory back takes longer than a frame may wait.
            self._outdated.append(self._present)
            (self._version, self._present), self._next = self._next, None
        self._log_info(f"version {self._version} ({self._present.config.name}) segments now")

    # ---- in the follower's thread ----

    def _follow(self) -> None:
        wait_s = _PERIOD_S
        while not self._closed.wait(wait_s):
            try:
                wait_s = self._look()
            except Exception as error:  # whatever it was, the next version wants a follower
                self._on_error(f"following the store goes on after {type(error).__name__}: {error}")
                wait_s = _LONGEST_PERIOD_S

    def _look(self) -> float:
        """Look whether the index has changed, and catch up with it; gives the seconds to the next look."""
        self._close_outdated()
        signature = self._index_signature()
        if signature == self._signature:
            return _PERIOD_S
        self._tried, self._trials = signature, self._trials + 1 if signature == self._tried else 1
        failure = self._catch_up()
        self._trouble = failure or self._told_note
        if failure and self._trials == 1:
            self._on_error(failure)
        if not failure or self._trials == _TRIALS:
            self._signature = signature
            return _PERIOD_S
        return min(_PERIOD_S * 2**self._trials, _LONGEST_PERIOD_S)  # such as GPU memory that the job still holds

    def _catch_up(self) -> str:
        """Get the store's active version ready; what is in the way, empty if nothing is."""
        snapshot = self._store.read()
        if snapshot.note and snapshot.note != self._told_note:
            self._on_error(snapshot.note)
        self._told_note = snapshot.note
        waiting = self._next
        if snapshot.active == (waiting[0] if waiting else self._version):
            return ""
        try:
            self._prepare(snapshot.active, snapshot.folder)
        except Exception as error:
            return f"version {snapshot.active} cannot be used, {self._version} goes on: {error}"
        return ""

    def _prepare(self, version: str, folder: Path) -> None:
        started = time.perf_counter()
        segmenter = self._load(folder)
        if segmenter.config.label_set != self.config.label_set:
            segmenter.close()
            raise ModelError("it has other classes: clean up and configure the node to use it")
        # At the cameras' sizes: what a runtime compiles is for one size, and no frame is to wait for it.
        _warm_up(segmenter, list(self._sizes) or [segmenter.config.input_size])
        self._log_info(f"version {version} is loaded after {time.perf_counter() - started:.1f} s")
        with self._lock:
            if self._closed.is_set():
                self._outdated.append(segmenter)
            else:
                self._outdated += [self._next[1]] if self._next else []
                self._next = (version, segmenter)
        self._close_outdated()

    def _close_outdated(self) -> None:
        with self._lock:
            outdated, self._outdated = self._outdated, []
        for segmenter in outdated:
            segmenter.close()

    def _index_signature(self) -> tuple[int, int]:
        try:
            status = (self._store.root / INDEX_FILE).stat()
        except OSError:
            return 0, 0
        return status.st_mtime_ns, status.st_ino
