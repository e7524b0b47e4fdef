# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""How many million events a second one core decodes and draws, beside dv-processing's own accumulator.

Seconds are those of the processor, so that other work on the machine does not count.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np

from madm_model.events.container import EventError, Events, join
from madm_model.events.decoders import make_decoder
from madm_model.events.edge_config import MODES, NOISE_FILTERS, EdgeConfig
from madm_model.events.edges import EdgeFramer
from madm_model.events.encoders import encode_evt3
from madm_model.events.payloads import optional_module
from madm_model.events.recording import open_events
from madm_model.events.stream import EventOrder, StreamCounters
from madm_model.io.limited import LimitedStream


@dataclass(frozen=True)
class Speed:
    """One measured stage."""

    stage: str
    """What was timed."""
    mev_s: float
    """Millions of events a second, best of the repetitions."""


def moving_edges(width: int, height: int, rate_mev_s: float, duration_s: float, seed: int = 0) -> Events:
    """Events of upright edges that sweep over a sensor, with a tenth of background noise.

    A packet of such a stream looks like a real one: events of a moment share rows, and pixels fire again and again.
    """
    rng = np.random.default_rng(seed)
    count = int(rate_mev_s * 1e6 * duration_s)
    t_us = np.sort(rng.integers(0, int(duration_s * 1e6), count)).astype(np.int64)
    edge = rng.integers(0, 12, count)
    x = (edge * width / 12 + t_us * 1e-6 * width / 2 + rng.normal(0, 1.5, count)).astype(np.int64) % width
    y = rng.integers(0, height, count)
    noise = rng.random(count) < 0.1
    x[noise] = rng.integers(0, width, int(noise.sum()))
    # The sensor reads out by rows: within a moment, events come row by row.
    t_us = t_us // 100 * 100
    order = np.lexsort((x, y, t_us))
    p = (edge % 2).astype(np.uint8)
    return Events(t_us, x[order].astype(np.uint16), y[order].astype(np.uint16), p[order], width, height)


def measure(events: Events, packet_s: float = 1e-3, repeat: int = 3) -> list[Speed]:
    """Time every stage over one stream on one core, in seconds of processor time.

    Args:
        events: the stream, half a second or more.
        packet_s: seconds of events in a packet; drivers send one a millisecond at high rates.
        repeat: repetitions, of which the best counts.

    Raises:
        EventError: no decoder for EVT3 is installed.
    """
    threads = cv2.getNumThreads()
    cv2.setNumThreads(1)
    try:
        return _measure(events, packet_s, repeat)
    finally:
        cv2.setNumThreads(threads)


def _measure(events: Events, packet_s: float, repeat: int) -> list[Speed]:
    count, height, width = len(events), events.height, events.width
    step_us = max(int(packet_s * 1e6), 1)
    edges = np.arange(int(events.t_us[0]), int(events.t_us[-1]) + step_us, step_us)
    bounds = np.unique(np.append(np.searchsorted(events.t_us, edges), count))
    chunks = [events.part(int(a), int(b)) for a, b in pairwise(bounds)]
    packets = [encode_evt3(chunk) for chunk in chunks]

    def decode() -> int:
        decoder, order = make_decoder("evt3", width, height), EventOrder(width, height, StreamCounters())
        return sum(len(part) for packet in packets for part in order.check(decoder.decode(packet, 0, False)))

    def accumulate(config: EdgeConfig) -> int:
        framer = EdgeFramer(height, width, config)
        return sum(len(framer.push(chunk)) for chunk in chunks)

    def packets_to_frames(config: EdgeConfig) -> int:
        decoder, order = make_decoder("evt3", width, height), EventOrder(width, height, StreamCounters())
        framer = EdgeFramer(height, width, config)
        return sum(
            len(framer.push(part)) for packet in packets for part in order.check(decoder.decode(packet, 0, False))
        )

    def speed(stage: str, work: Callable[[], object]) -> Speed:
        times = []
        for _ in range(repeat):
            start = time.process_time()
            work()
            times.append(time.process_time() - start)
        return Speed(stage, count / min(times) / 1e6)

    results = [speed("decode evt3, checked", decode)]
    for mode in MODES:
        config = EdgeConfig(mode=mode)
        results.append(speed(f"accumulate {mode}", partial(accumulate, config)))
        results.append(speed(f"packets to frames {mode}", partial(packets_to_frames, config)))
    signed = EdgeConfig(mode="edge_map", ignore_polarity=False)
    results.append(speed("accumulate edge_map, signed", partial(accumulate, signed)))
    for name in NOISE_FILTERS[1:]:
        config = EdgeConfig(noise_filter=name)
        results.append(speed(f"accumulate decay, {name}", partial(accumulate, config)))
    return results + _dv_processing(events, speed)


def _dv_processing(events: Events, speed: Callable[[str, Callable[[], object]], Speed]) -> list[Speed]:
    """The same events through dv-processing's edge map; empty where it is not installed."""
    dv = optional_module("dv_processing")
    if dv is None:
        return []
    few = events.part(0, min(len(events), 200_000))
    rows = list(zip(few.t_us.tolist(), few.x.tolist(), few.y.tolist(), (few.p > 0).tolist()))

    def fill() -> object:
        store = dv.EventStore()
        for row in rows:
            store.push_back(*row)
        return store

    start = time.process_time()
    store = fill()
    filled = Speed("dv-processing: fill an EventStore", len(few) / (time.process_time() - start) / 1e6)
    # The store of few events is drawn as often as the stream is longer.
    times = max(len(events) // len(few), 1)
    accumulator = dv.EdgeMapAccumulator((events.width, events.height))

    def accumulate() -> None:
        for _ in range(times):
            accumulator.accept(store)
            accumulator.generateFrame()

    whole = speed("", accumulate)
    share = times * len(few) / len(events)
    return [filled, Speed("dv-processing: EdgeMapAccumulator on a filled store", whole.mev_s * share)]


def stream_of(path: Path | None, topic: str | None, rate_mev_s: float, seconds: float) -> Events:
    """The start of a recording, or a synthetic stream of moving edges at 640x480.

    Raises:
        EventError: the recording holds no events.
    """
    if path is None:
        return moving_edges(640, 480, rate_mev_s, seconds)
    with LimitedStream(str(path), open_events, path, topic, None, None, seconds) as stream:
        chunks = list(stream)
    if not chunks:
        raise EventError(f"{path} holds no events")
    return join(chunks)
