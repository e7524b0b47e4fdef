# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""Recordings in allowed folders are held open: what a name leads to later is not read."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import numpy as np
import pytest
from rosbags import rosbag2
from rosbags.typesys import Stores, get_typestore

from madm_model.io.allowed import held
from madm_model.io.bags import BagError, BagReader, make_image_message
from madm_model.io.frames import InputError
from madm_model.io.link_folder import LinkFolder

IMAGE = "sensor_msgs/msg/Image"
TYPES = get_typestore(Stores.ROS2_JAZZY)
MODES = rosbag2.CompressionMode


def write(path: Path, value: int, storage: rosbag2.StoragePlugin, mode: rosbag2.CompressionMode | None = None) -> Path:
    writer = rosbag2.Writer(path, version=8, storage_plugin=storage)
    if mode:
        writer.set_compression(mode, rosbag2.CompressionFormat.ZSTD)
    with writer:
        connection = writer.add_connection("/image", IMAGE, typestore=TYPES)
        image = make_image_message(np.full((4, 6), value, np.uint8), "mono8", 1, "camera")
        writer.write(connection, 1, TYPES.serialize_cdr(image, IMAGE))
    return path


def pixel(path: Path) -> int:
    with BagReader(path) as reader:
        return int(next(reader.frames()).array[0, 0])


@pytest.mark.parametrize(
    ("storage", "mode"),
    [
        (rosbag2.StoragePlugin.SQLITE3, None),
        (rosbag2.StoragePlugin.SQLITE3, MODES.FILE),
        (rosbag2.StoragePlugin.MCAP, MODES.STORAGE),
    ],
)
@pytest.mark.parametrize("is_folder", [True, False])
def test_a_bag_is_the_one_that_was_checked_whatever_its_name_leads_to_by_then(tmp_path, storage, mode, is_folder):
    bag = write(tmp_path / "allowed" / "bag", 1, storage, mode)
    secret = write(tmp_path / "secret" / "bag", 2, storage, mode)
    path = bag if is_folder else max(bag.iterdir(), key=lambda file: file.suffix != ".yaml")
    if path.suffix == ".zstd":
        pytest.skip("a compressed file is no bag without its metadata")
    with held(path, [tmp_path / "allowed"]) as opened:
        (tmp_path / "allowed").rename(tmp_path / "away")
        (tmp_path / "allowed").symlink_to(tmp_path / "secret")
        assert pixel(path) == pixel(secret) == 2
        assert pixel(opened) == 1
        assert opened.name == path.name
    with pytest.raises(InputError, match="is not under one of the folders"), held(path, [tmp_path / "away"]):
        pass


def test_errors_name_the_original(tmp_path):
    bag = write(tmp_path / "bag", 1, rosbag2.StoragePlugin.SQLITE3)
    (bag / "bag.db3").write_bytes(b"no bag")
    with pytest.raises(BagError) as caught, held(bag, [tmp_path]) as opened:
        BagReader(opened)
    assert str(caught.value).startswith(f"{bag} cannot be opened (file is not a database)")


def test_what_is_no_file_does_not_hold_up(tmp_path):
    os.mkfifo(tmp_path / "pipe.raw")
    for name, reason in (("pipe.raw", "is neither a file nor a folder"), ("gone.raw", "does not exist")):
        with pytest.raises(InputError, match=reason), held(tmp_path / name, [tmp_path]):
            pass


def test_links_within_the_folders_are_followed(tmp_path):
    bag = write(tmp_path / "bag", 3, rosbag2.StoragePlugin.MCAP)
    (bag / "bag.mcap").rename(tmp_path / "elsewhere.mcap")
    (bag / "bag.mcap").symlink_to(tmp_path / "elsewhere.mcap")
    with held(bag, [tmp_path]) as opened:
        assert pixel(opened) == 3
    with pytest.raises(InputError, match=r"bag/bag\.mcap is not under one of the folders"), held(bag, [bag]):
        pass
    with held(tmp_path / "nothing is looked at", None) as opened:
        assert opened == tmp_path / "nothing is looked at"


def test_nothing_stays_open(tmp_path):
    descriptors = len(os.listdir("/proc/self/fd"))  # noqa: PTH208
    bag = write(tmp_path / "bag", 1, rosbag2.StoragePlugin.SQLITE3, MODES.FILE)
    with held(bag, [tmp_path]) as opened:
        assert pixel(opened) == 1
    links = LinkFolder()
    shutil.rmtree(links.path)
    links.close()
    assert not opened.exists()
    assert len(os.listdir("/proc/self/fd")) == descriptors  # noqa: PTH208
