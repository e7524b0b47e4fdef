# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""How the node is doing: statistics over the last seconds, and their report on /diagnostics."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from diagnostic_msgs.msg import DiagnosticStatus

from madm_model.shift.monitor import Shift
from madm_ros.diagnostic_reports import SEGMENTATION, WINDOW_S, make_status
from madm_ros.segmentation.shift_watch import shift_in_words

MOSTLY = 0.8
"""Frames with a larger share of unlabelled pixels are of little use."""
_ENOUGH_ARRIVED = 0.8
"""Share of the published images that must arrive for the report to be OK."""
_ENOUGH_LABELS = 0.5
"""Share of the arrived images that must get labels."""


@dataclass(frozen=True)
class FrameTiming:
    """Where the time of one frame went, in seconds."""

    preprocessing: float
    """Decoding the message and the modality's preprocessing."""
    inference: float
    """The segmenter's call, with the images of other cameras where they run together."""
    total: float
    """From the message's callback to the last publication, waiting for the network included."""


class FrameStatistics:
    """Timings of the frames of the last `WINDOW_S` seconds. May be used from several threads.

    Args:
        clock: seconds on a clock that never goes back.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._started = self._last = clock()
        self._frames: deque[tuple[float, FrameTiming]] = deque()
        self._unwanted = 0
        self._last_unwanted = -float("inf")
        self._unlabelled_since: float | None = None
        self._unlabelled = 0.0

    def record(self, timing: FrameTiming, unlabelled: float = 0.0) -> None:
        """Add a frame that was just published.

        Args:
            timing: where its time went.
            unlabelled: share of its pixels that came out unlabelled, 0 to 1.
        """
        with self._lock:
            now = self._last = self._clock()
            self._frames.append((now, timing))
            self._forget_old()
            self._unlabelled = unlabelled
            if unlabelled <= MOSTLY:
                self._unlabelled_since = None
            elif self._unlabelled_since is None:
                self._unlabelled_since = now

    @property
    def unlabelled(self) -> float:
        """Share of the last frame's pixels that came out unlabelled, 0 to 1."""
        return self._unlabelled

    def unlabelled_s(self) -> float:
        """For how many seconds most of every frame has been unlabelled (`MOSTLY`); 0 if the last one is fine."""
        since = self._unlabelled_since
        return 0.0 if since is None else self._clock() - since

    def record_unwanted(self) -> None:
        """Count a frame that nobody wanted the labels of."""
        with self._lock:
            self._unwanted += 1
            self._last = self._last_unwanted = self._clock()

    @property
    def unwanted(self) -> int:
        """Frames so far that nobody wanted the labels of."""
        return self._unwanted

    def idle(self) -> bool:
        """Whether frames of the window came that nobody wanted the labels of."""
        return self._clock() - self._last_unwanted <= WINDOW_S

    def since_last_s(self) -> float:
        """Seconds since a frame was published or unwanted; since the start before the first."""
        return self._clock() - self._last

    def timings(self) -> list[FrameTiming]:
        """Frames of the window, oldest first."""
        with self._lock:
            self._forget_old()
            return [timing for _, timing in self._frames]

    def fps(self) -> float:
        """Frames a second over the window, or since the start where that is shorter."""
        frames = len(self.timings())
        return frames / max(min(WINDOW_S, self._clock() - self._started), 1e-3)

    def _forget_old(self) -> None:
        while self._frames and self._clock() - self._frames[0][0] > WINDOW_S:
            self._frames.popleft()


@dataclass(frozen=True)
class NodeHealth:
    """What the node knows about itself when it reports."""

    state: str
    """Lifecycle state: unconfigured, inactive, active or finalized."""
    model: str
    """Model id, empty while none is loaded."""
    topic: str
    """The image topic it listens to, empty while it does not."""
    fps: float = 0.0
    """Label images published a second."""
    timings: Sequence[FrameTiming] = ()
    """Frames of the window."""
    dropped: int = 0
    """Frames replaced by newer ones since activation."""
    errors: int = 0
    """Errors since the node started."""
    last_error: str = ""
    """The last error if it is recent, else empty."""
    gpu_bytes: int | None = None
    """GPU memory held by this process's tensors; None without a GPU."""
    input_rate: float = 0.0
    """Images a second that are published on the topic, as far as can be told."""
    arrived_rate: float = 0.0
    """Images a second of these that came."""
    loss_advice: str = ""
    """What to do where they are fewer."""
    runtime: str = ""
    """What runs the model, and in which number format; empty while none is loaded."""
    since_last_s: float = 0.0
    """Seconds since a frame was published or nobody wanted its labels; since activation before the first."""
    max_fps: float = 0.0
    """Images a second that are to have labels; 0: all."""
    store: str = ""
    """Folder of versions that is followed, absolute; empty without one."""
    version: str = ""
    """The store's version that segments, empty without a store."""
    trouble: str = ""
    """Why that is not the one that was made active last; empty if it is."""
    unlabelled: float = 0.0
    """Share of the last frame's pixels that came out unlabelled, 0 to 1."""
    unlabelled_s: float = 0.0
    """For how many seconds most of every frame has been unlabelled."""
    skipped: int = 0
    """Frames left out on purpose since activation: above `max_fps`, or unwanted while `lazy`."""
    cameras: int = 1
    """How many share the network, this one included."""
    shift: Shift | None = None
    """How far the frames are from what the model knows; None where that cannot be told."""
    has_reference: bool = False
    """Whether it is known what the model knows."""
    idle: bool = False
    """Images come, but nobody wants their labels."""


def diagnostic_status(name: str, health: NodeHealth) -> DiagnosticStatus:
    """The report: ERROR after a recent error, WARN when labels are missing or not what was asked for, else OK.

    Args:
        name: fully qualified name of the node.
        health: what to report.
    """
    values = {
        "state": health.state,
        "model": health.model,
        "runtime": health.runtime or "-",
        "cameras of this network": str(health.cameras),
        "store": health.store or "-",
        "version": health.version or "-",
        "image topic": health.topic,
        "input rate [Hz]": f"{health.input_rate:.2f}",
        "input lost [Hz]": f"{max(health.input_rate - health.arrived_rate, 0):.2f}",  # one may come between them
        "fps": f"{health.fps:.2f}",
        "dropped frames": str(health.dropped),
        "unlabelled pixels [%]": f"{100 * health.unlabelled:.1f}" if health.timings else "-",
        **shift_in_words(health.shift, health.has_reference),
        "skipped frames": str(health.skipped),
        "errors": str(health.errors),
        "gpu memory [MiB]": "no GPU" if health.gpu_bytes is None else f"{health.gpu_bytes / 2**20:.1f}",
    }
    for part in ("preprocessing", "inference", "total"):
        seconds = [getattr(timing, part) for timing in health.timings]
        values[f"{part} mean [ms]"] = f"{1000 * sum(seconds) / len(seconds):.2f}" if seconds else "-"
        values[f"{part} max [ms]"] = f"{1000 * max(seconds):.2f}" if seconds else "-"
    return make_status(name, SEGMENTATION, _assess(health), values, hardware_id=health.model)


def _assess(health: NodeHealth) -> tuple[bytes, str]:
    if health.last_error:
        return DiagnosticStatus.ERROR, health.last_error
    if health.state == "finalized":
        return DiagnosticStatus.WARN, "finalized: this node gives no labels any more, start it again"
    if health.state != "active":
        return DiagnosticStatus.OK, health.state
    if not health.timings and not health.idle and not health.arrived_rate:
        return DiagnosticStatus.WARN, f"no image on {health.topic} for {WINDOW_S:.0f} s"
    if health.trouble:
        return DiagnosticStatus.WARN, health.trouble
    if health.arrived_rate < _ENOUGH_ARRIVED * health.input_rate:
        return DiagnosticStatus.WARN, (
            f"{health.arrived_rate:.1f} of {health.input_rate:.1f} images a second arrive from {health.topic}: "
            f"{health.loss_advice}"
        )
    if not health.timings and health.idle:
        return DiagnosticStatus.OK, "idle: images come, nobody listens to a result"
    if health.unlabelled_s > WINDOW_S:
        return DiagnosticStatus.WARN, (
            f"more than {100 * MOSTLY:.0f} % of every image is unlabelled, for {health.unlabelled_s:.0f} s: lower "
            "confidence_threshold, or look at what the camera sees"
        )
    wanted = min(health.arrived_rate, health.max_fps or health.arrived_rate)
    if _is_slow(health, wanted) and not health.idle:
        return DiagnosticStatus.WARN, (
            f"labels for {health.fps:.1f} of {wanted:.1f} images a second: the network is slower than "
            f"{'the camera' if health.cameras <= 1 else f'its {health.cameras} cameras'}; "
            "a GPU, a smaller model or max_fps help"
        )
    if not health.timings:
        return DiagnosticStatus.OK, "images come, the next labels are not due yet"
    return DiagnosticStatus.OK, f"{health.fps:.1f} label images a second"


def _is_slow(health: NodeHealth, wanted: float) -> bool:
    """Whether far fewer images have labels than wanted, a second; a window may be too short to hold one of them."""
    least = _ENOUGH_LABELS * wanted
    return health.fps < least if health.timings else health.since_last_s > max(WINDOW_S, 1 / least)


def gpu_bytes(device: Any) -> int | None:
    """GPU memory allocated by this process's tensors; None if the torch.device is no GPU."""
    if device.type != "cuda":
        return None
    import torch

    return torch.cuda.memory_allocated(device)
