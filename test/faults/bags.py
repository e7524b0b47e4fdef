# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""Bags of every kind, damaged, through the door of a job's check and reading: frames, or one clear error."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from rosbags import rosbag1, rosbag2
from rosbags.typesys import Stores, get_typestore

from faults.bounded import call_each
from faults.bytes import damage_places
from faults.report import Tally
from madm_model.adaptation.data.target_bags import TargetSelection, count_frames, read_frames
from madm_model.adaptation.data.target_frames import TargetLimits
from madm_model.architecture import TINY
from madm_model.io.bags import make_image_message
from madm_model.io.frames import InputError
from madm_model.labels import STREET_11
from madm_model.model_config import ModelConfig

_IMAGE = "sensor_msgs/msg/Image"
_FRAMES, _HEIGHT, _WIDTH = 12, 24, 32
_CONFIG = ModelConfig("faults", TINY, STREET_11, "rgb", (32, 32), keep_aspect=True)


def run(seed: int, count: int) -> Tally:
    """Damage a file of each kind of bag, in turn."""
    with TemporaryDirectory() as folder:
        return call_each("bags", faults(seed, count, Path(folder)), (InputError,))


def faults(seed: int, count: int, folder: Path) -> Iterator[tuple[str, Callable[..., None], tuple[Any, ...]]]:
    """Each fault in words, and the call that has to survive it: to return, or to end in an `InputError`."""
    chance = random.Random(seed)
    bags = _write_bags(folder)
    for number in range(count):
        path = bags[number % len(bags)]
        files = [path] if path.is_file() else sorted(path.iterdir())
        file = chance.choice(files) if number % 3 == 0 else max(files, key=lambda file: file.stat().st_size)
        whole = file.read_bytes()
        what, content = damage_places(whole, chance)
        file.write_bytes(content)
        yield f"seed {seed}, fault {number}: {path.name}/{file.name}, {what}", read, (path, folder / "frames")
        file.write_bytes(whole)


def read(path: Path, folder: Path) -> None:
    """Count and read a bag's frames as a job does."""
    selection = TargetSelection((str(path),), "thermal")
    count_frames(selection, 4)
    for _ in read_frames(selection, {}, _CONFIG, TargetLimits(min_frames=2, max_frames=8), folder):
        pass


def _write_bags(folder: Path) -> list[Path]:
    """A whole bag of each storage and compression."""
    modes = rosbag2.CompressionMode
    bags = []
    for name, storage, mode in (
        ("sqlite3", rosbag2.StoragePlugin.SQLITE3, None),
        ("sqlite3_file", rosbag2.StoragePlugin.SQLITE3, modes.FILE),
        ("sqlite3_message", rosbag2.StoragePlugin.SQLITE3, modes.MESSAGE),
        ("mcap", rosbag2.StoragePlugin.MCAP, None),
        ("mcap_storage", rosbag2.StoragePlugin.MCAP, modes.STORAGE),
    ):
        writer = rosbag2.Writer(folder / name, version=8, storage_plugin=storage)
        if mode:
            writer.set_compression(mode, rosbag2.CompressionFormat.ZSTD)
        types = get_typestore(Stores.ROS2_JAZZY)
        with writer:
            connection = writer.add_connection("/image", _IMAGE, typestore=types)
            for message, stamp in _messages():
                writer.write(connection, stamp, types.serialize_cdr(message, _IMAGE))
        bags.append(folder / name)
    for name, chunks in (("plain", None), ("bz2", "BZ2"), ("lz4", "LZ4")):
        old = rosbag1.Writer(folder / f"{name}.bag")
        if chunks:
            old.set_compression(rosbag1.Writer.CompressionFormat[chunks])
        types = get_typestore(Stores.ROS1_NOETIC)
        header = types.types["std_msgs/msg/Header"]
        with old:
            connection = old.add_connection("/image", _IMAGE, typestore=types)
            for message, stamp in _messages():
                fields = {name: getattr(message, name) for name in vars(message) if name != "header"}
                fields["header"] = header(seq=0, stamp=message.header.stamp, frame_id="camera")
                old.write(connection, stamp, types.serialize_ros1(types.types[_IMAGE](**fields), _IMAGE))
        bags.append(folder / f"{name}.bag")
    return bags


def _messages() -> Iterator[tuple[Any, int]]:
    chance = np.random.default_rng(0)
    for number in range(1, _FRAMES + 1):
        image = chance.integers(0, 60_000, (_HEIGHT, _WIDTH)).astype(np.uint16)
        yield make_image_message(image, "mono16", number * 100_000_000, "camera"), number * 100_000_000
