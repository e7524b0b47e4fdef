# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""Event packets on their way to a node, and event files, damaged: one clear error at most, and the stream goes on."""

from __future__ import annotations

import random
import struct
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, get_args

import numpy as np

from faults.bounded import NotSurvived, call_each
from faults.bytes import damage_places
from faults.report import Tally
from madm_model.events.container import Events
from madm_model.events.edge_config import MODES, EdgeConfig, Window
from madm_model.events.edge_source import open_edge_frames
from madm_model.events.encoders import encode_evt3, encode_mono
from madm_model.events.messages import PACKET_TYPE, make_packet
from madm_model.events.recording import open_events
from madm_model.events.statistics import summarise
from madm_model.io.frames import InputError
from madm_model.speed.events import moving_edges
from madm_ros.error_log import ErrorLog
from madm_ros.events.pipeline import EventPipeline

_WIDTH, _HEIGHT = 64, 48
_PACKETS, _PACKET_US = 16, 10_000
_BASE_NS = 5_000_000_000

Message = tuple[str, bytes]


def run(seed: int, count: int) -> Tally:
    """Damage messages of each encoding and files of each kind, in turn."""
    with TemporaryDirectory() as folder:
        return call_each("event recordings", faults(seed, count, Path(folder)), (InputError,))


def faults(seed: int, count: int, folder: Path) -> Iterator[tuple[str, Callable[..., None], tuple[Any, ...]]]:
    """Each fault in words, and the call that has to survive it: to return, or to end in an `InputError`."""
    chance = random.Random(seed)
    streams, files = _streams(), _files()
    kinds = [*streams, *files]
    for number in range(count):
        kind = kinds[number % len(kinds)]
        if kind in streams:
            what, messages = _damaged_stream(streams[kind], chance)
            config = EdgeConfig(
                mode=chance.choice(MODES), window=chance.choice(get_args(Window)), period_s=0.02, count=200
            )
            yield f"seed {seed}, fault {number}: {kind}, {what}", play, (messages, config)
        else:
            what, content = damage_places(files[kind], chance)
            path = folder / f"fault{kind}"
            path.write_bytes(content)
            yield f"seed {seed}, fault {number}: {kind}, {what}", read, (path,)


def play(messages: list[Message], config: EdgeConfig) -> None:
    """Give messages to an event frame node's pipeline; the last of them are whole and have to give frames."""
    frames, errors, now_ns = [0], list[str](), [0]

    def emit(image: np.ndarray, stamp_ns: int, frame_id: str) -> None:
        frames[0] += 1

    pipeline = EventPipeline(config, lambda: now_ns[0], emit, ErrorLog(errors.append), ErrorLog(lambda text: None))
    for index, message in enumerate(messages):
        now_ns[0] = _BASE_NS + (index + 1) * _PACKET_US * 1000
        pipeline.request(now_ns[0] - 5_000_000)
        pipeline.process(message, False)
        pipeline.idle()
        if index == len(messages) // 2:
            frames[0] = 0
    if unclear := [error for error in errors if not error.startswith(("events skipped:", "an image is stamped"))]:
        raise NotSurvived(unclear[0])
    if not frames[0]:
        raise NotSurvived(f"no more frames; {errors}")


def read(path: Path) -> None:
    """Read an event file as `madm events` and a job do."""
    summarise(open_events(path))
    for _ in open_edge_frames(path):
        pass


def _damaged_stream(messages: list[Message], chance: random.Random) -> tuple[str, list[Message]]:
    """Damage up to three messages of the first half."""
    messages = list(messages)
    told = []
    for _ in range(chance.choice([1, 1, 3])):
        at = chance.randrange(len(messages) // 2)
        what, content = damage_places(messages[at][1], chance)
        messages[at] = (messages[at][0], content)
        told.append(f"message {at}: {what}")
    return "; ".join(told), messages


def _streams() -> dict[str, list[Message]]:
    """Whole messages of each kind: edges that sweep over the sensor, 10 ms a message."""
    events = moving_edges(_WIDTH, _HEIGHT, 0.05, _PACKETS * _PACKET_US / 1e6)
    bounds = np.searchsorted(events.t_us, np.arange(_PACKETS + 1) * _PACKET_US)
    parts = [events.part(int(start), int(stop)) for start, stop in pairwise(bounds)]
    encoders: dict[str, Callable[[Events], np.ndarray]] = {
        "evt3": encode_evt3,
        "mono": lambda part: encode_mono(part, 0),
        "libcaer": _libcaer,
        "libcaer_cmp": _libcaer_cmp,
    }
    streams = {}
    for encoding, encode in encoders.items():
        streams[encoding] = [
            (
                PACKET_TYPE,
                make_packet(
                    "/events", encode(part), encoding, (_WIDTH, _HEIGHT), index, _stamp_ns(index), "camera"
                ).data,
            )
            for index, part in enumerate(parts)
        ]
    streams["EventArray"] = [("dvs_msgs/msg/EventArray", _array(part, index)) for index, part in enumerate(parts)]
    return streams


def _stamp_ns(index: int) -> int:
    return _BASE_NS + index * _PACKET_US * 1000


def _libcaer(events: Events) -> np.ndarray:
    x, y, p = (column.astype(np.uint32) for column in (events.x, events.y, events.p))
    words = np.stack([x << 17 | y << 2 | p << 1 | 1, events.t_us.astype(np.uint32)], axis=1)
    return words.astype("<u4").view(np.uint8).ravel()


def _libcaer_cmp(events: Events) -> np.ndarray:
    t_us, polarity = events.t_us, events.p.astype(np.int64) << 11
    words = [0x0000 | t_us >> 12, 0x1000 | t_us & 0xFFF, 0x2000 | events.x, 0x3000 | polarity | events.y]
    base = [0x4000 | polarity | events.y, np.full(len(events), 0x5001)]
    return np.stack([*words, *base], axis=1).astype("<u2").view(np.uint8).ravel()


def _array(events: Events, index: int) -> bytes:
    sec, nanosec = divmod(_stamp_ns(index), 1_000_000_000)
    body = struct.pack("<iII4sIII", sec, nanosec, 4, b"dvs\0", events.height, events.width, len(events))
    for t_us, x, y, p in zip(events.t_us.tolist(), events.x.tolist(), events.y.tolist(), events.p.tolist()):
        sec, nanosec = divmod(_BASE_NS + t_us * 1000, 1_000_000_000)
        body += bytes(-len(body) % 2) + struct.pack("<HH", x, y)
        body += bytes(-len(body) % 4) + struct.pack("<iI?", sec, nanosec, p)
    return b"\0\1\0\0" + body


def _files() -> dict[str, bytes]:
    """The same events, more of them, as the content of a file of each kind, by its ending."""
    import h5py

    events = moving_edges(320, 240, 0.06, 0.5)
    rows = zip(events.t_us.tolist(), events.x.tolist(), events.y.tolist(), events.p.tolist())
    lines = [f"{t_us / 1e6:.6f} {x} {y} {p}\n" for t_us, x, y, p in rows]
    with TemporaryDirectory() as folder:
        path = Path(folder) / "a.h5"
        with h5py.File(path, "w") as file:
            for name, column in (
                ("t", events.t_us.astype(np.uint32)),
                ("x", events.x),
                ("y", events.y),
                ("p", events.p),
            ):
                file.create_dataset(f"events/{name}", data=column, compression="gzip", chunks=(4096,))
            file["t_offset"] = 40_000_000
            file["ms_to_idx"] = np.searchsorted(events.t_us, np.arange(500) * 1000)
        hdf5 = path.read_bytes()
    return {
        ".raw": b"% evt 3.0\n% geometry 320x240\n% end\n" + encode_evt3(events).tobytes(),
        ".h5": hdf5,
        ".txt": "".join(lines).encode(),
        ".csv": b"t,x,y,p\n" + "".join(lines).replace(" ", ",").encode(),
    }
