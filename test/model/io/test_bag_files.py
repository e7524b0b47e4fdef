# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""Bags whose names, tables or compression are made to do harm: what the path names is opened, or one clear error."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from rosbags import rosbag2
from rosbags.typesys import Stores, get_typestore

from madm_model.io import bag_files
from madm_model.io.bags import BagError, BagReader, BagWriter, make_image_message

IMAGE = "sensor_msgs/msg/Image"
TYPES = get_typestore(Stores.ROS2_JAZZY)


def write_sqlite3(path: Path, compression: rosbag2.CompressionMode | None = None) -> Path:
    writer = rosbag2.Writer(path, version=8, storage_plugin=rosbag2.StoragePlugin.SQLITE3)
    if compression:
        writer.set_compression(compression, rosbag2.CompressionFormat.ZSTD)
    with writer:
        connection = writer.add_connection("/image", IMAGE, typestore=TYPES)
        for stamp in range(1, 4):
            message = make_image_message(np.full((4, 6), stamp, np.uint8), "mono8", stamp, "camera")
            writer.write(connection, stamp, TYPES.serialize_cdr(message, IMAGE))
    return path


def first_pixels(path: Path) -> list[int]:
    with BagReader(path) as reader:
        return [int(frame.array[0, 0]) for frame in reader.frames()]


@pytest.mark.parametrize("name", ["a?b", "a#b", "a%41b", "a%2Fb", "ä b&mode=memory", os.fsdecode(b"caf\xe9")])
def test_names_that_mean_something_in_a_uri(tmp_path, name) -> None:
    bag = write_sqlite3(tmp_path / "bag").rename(tmp_path / name)
    assert first_pixels(bag) == [1, 2, 3]
    assert first_pixels((bag / "bag.db3").rename(bag / f"{name}.db3")) == [1, 2, 3]


def test_a_name_leads_to_no_other_file(tmp_path) -> None:
    write_sqlite3(tmp_path / "secret")
    (tmp_path / "allowed" / "x").mkdir(parents=True)
    name = tmp_path / "allowed" / "x%2F..%2F..%2Fsecret%2Fsecret.db3"
    name.touch()
    with pytest.raises(BagError, match="cannot be opened"):
        first_pixels(name)


@pytest.mark.parametrize("table", ["schema", "topics", "messages", "message_definitions"])
def test_a_view_in_place_of_a_table_is_refused_at_once(tmp_path, table) -> None:
    (file,) = write_sqlite3(tmp_path / "bag").glob("*.db3")
    with sqlite3.connect(file) as database:
        database.execute(f"ALTER TABLE {table} RENAME TO real")
        counting = "WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c) SELECT count(*) FROM c"
        database.execute(f"CREATE VIEW {table}(schema_version) AS {counting}")
    with pytest.raises(BagError, match=f"is not a bag: '{table}' is no table of recorded data"):
        BagReader(tmp_path / "bag")


@pytest.mark.parametrize("mode", [rosbag2.CompressionMode.FILE, rosbag2.CompressionMode.MESSAGE])
def test_compressed_bags_are_read(tmp_path, mode) -> None:
    assert first_pixels(write_sqlite3(tmp_path / "bag", mode)) == [1, 2, 3]


def test_a_compressed_bag_that_holds_too_much_is_refused(tmp_path, monkeypatch) -> None:
    write_sqlite3(tmp_path / "bag", rosbag2.CompressionMode.FILE)
    monkeypatch.setenv("TMPDIR", str(tmp_path / "temporary"))
    monkeypatch.setattr(bag_files.tempfile, "tempdir", None)
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr(bag_files, "unpacked_limit", lambda packed: 10_000)
    with pytest.raises(BagError, match="holds more than 0 MB unpacked: it is damaged"):
        BagReader(tmp_path / "bag")
    assert not list((tmp_path / "temporary").iterdir())


def test_a_killed_reader_leaves_nothing_unpacked(tmp_path) -> None:
    bag = write_sqlite3(tmp_path / "bag", rosbag2.CompressionMode.FILE)
    (tmp_path / "temporary").mkdir()
    code = f"""
import os, sys
sys.path[:] = {sys.path!r}
from madm_model.io.bags import BagReader
reader = BagReader({str(bag)!r})
assert next(reader.frames()).array[0, 0] == 1
os.kill(os.getpid(), 9)
"""
    environment = os.environ | {"TMPDIR": str(tmp_path / "temporary")}
    assert subprocess.run([sys.executable, "-c", code], env=environment, check=False).returncode == -9
    left = [file for file in (tmp_path / "temporary").rglob("*") if file.is_file() and file.name != "metadata.yaml"]
    assert left == []


def test_a_chunk_that_would_fill_the_memory_is_refused(tmp_path, monkeypatch) -> None:
    with BagWriter(tmp_path / "bag") as writer:
        image = make_image_message(np.zeros((400, 600), np.uint8), "mono8", 1, "camera")
        for stamp in range(3):
            writer.write("/image", image, stamp)
    assert first_pixels(tmp_path / "bag") == [0, 0, 0]
    monkeypatch.setattr(bag_files, "MAX_CHUNK_BYTES", 700_000)
    for path in (tmp_path / "bag", shutil.copy(tmp_path / "bag" / "bag.mcap", tmp_path / "copy.mcap")):
        with pytest.raises(BagError, match=r"has a chunk of 0\.0 GB, up to 0\.0 GB are read: it is damaged, or has to"):
            BagReader(path)
