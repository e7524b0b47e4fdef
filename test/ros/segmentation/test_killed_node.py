# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""The segmentation node, killed while another version takes over: the store stays valid, and a new node publishes."""

from __future__ import annotations

import os
import random
import threading
from multiprocessing.process import BaseProcess
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("rclpy", reason="ROS 2's rclpy is not installed")

import rclpy
from adaptation_samples import GAIN, thermal_frames, write_model
from kill_samples import kill_after, start_child
from ros_helpers import Peer, image_message, pixels_of, wait_until
from sensor_msgs.msg import Image

from madm_model.io.frames import RawFrame
from madm_model.modalities import make_preprocessor
from madm_model.store import BASE, VersionInfo, VersionStore
from madm_model.store.version import fault
from madm_ros.segmentation import node as segmentation_node

KILLS = 4
"""Two of three follow the activation, while the version is seen, loaded and warmed up; one its first labels."""


def _run_node(domain_id: int, store: str, base: str, log: str) -> None:
    """What a child does: the executable, with its parameters, until it is killed."""
    os.environ["ROS_DOMAIN_ID"] = str(domain_id)
    os.dup2(os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND), 2)
    values = {"store": store, "model": base, "device": "cpu", "modality": "thermal"}
    values |= {f"thermal.{name}": value for name, value in GAIN.items()}
    parameters = [word for name, value in values.items() for word in ("-p", f"{name}:={value}")]
    segmentation_node.main(["segmentation_node", "--ros-args", *parameters])


class Drive:
    """Sends one frame again and again, and tells by whose labels it was answered.

    Attributes:
        stretch: number of the node that is driven, in the stamps of its frames: what an earlier one said late is known.
    """

    def __init__(self, peer, answers: dict[str, np.ndarray], frame: np.ndarray) -> None:
        self.stretch = 0
        self._answers, self._frame = answers, frame
        self._labels = peer.collect(Image, "/segmentation_node/labels")
        self._publisher = peer.publisher(Image, "/image")
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._send, daemon=True)
        self._thread.start()

    def versions(self) -> list[str]:
        """Versions whose labels came in this stretch, in order; every answer has to be that of one as a whole."""
        messages = [message for message in list(self._labels) if message.header.stamp.sec == self.stretch]
        return list(dict.fromkeys(self._version(pixels_of(message)) for message in messages))

    def close(self) -> None:
        self._stopped.set()
        self._thread.join()

    def _version(self, labels: np.ndarray) -> str:
        (name,) = (name for name, answer in self._answers.items() if np.array_equal(labels, answer))
        return name

    def _send(self) -> None:
        while not self._stopped.wait(0.02):
            self._publisher.publish(image_message(self._frame, "mono16", self.stretch))


@pytest.fixture
def peer(another_domain_id: int):
    """Talks to the nodes that are killed; the nodes of other tests neither see it nor them."""
    context = rclpy.Context()
    rclpy.init(args=[], context=context, domain_id=another_domain_id)
    peer = Peer(context)
    yield peer
    peer.close()
    context.try_shutdown()


@pytest.fixture
def store(tmp_path: Path) -> VersionStore:
    """A store with two versions of different weights."""
    store = VersionStore(tmp_path / "store", write_model(tmp_path / "base"))
    for seed in (1, 2):
        store.add(
            lambda folder, seed=seed: write_model(folder, seed), lambda name: VersionInfo(name, BASE, "", "thermal")
        )
    store.activate("v0001")
    return store


@pytest.fixture
def drive(peer, store):
    frame = next(thermal_frames(1))
    image = make_preprocessor("thermal", GAIN)(RawFrame(frame, "mono16", 0, ""))
    answers = {}
    for name in store.read().versions:
        segmenter = segmentation_node.load_segmenter(str(store.folder(name)), "cpu", "float32", "torch")
        answers[name] = segmenter.segment([image])[0].labels
    assert len({answer.tobytes() for answer in answers.values()}) == 3
    drive = Drive(peer, answers, frame)
    yield drive
    drive.close()


def test_a_node_killed_while_versions_change_leaves_a_valid_store_and_the_next_one_publishes(
    store, drive, another_domain_id, tmp_path
) -> None:
    moments, nodes, log = random.Random(9), [], tmp_path / "nodes.log"

    def start() -> BaseProcess:
        drive.stretch += 1
        nodes.append(start_child(_run_node, another_domain_id, str(store.root), str(store.base), str(log)))
        return nodes[-1]

    try:
        active = "v0001"
        for number in range(KILLS):
            node = start()
            wait_until(drive.versions, "labels")
            assert drive.versions() == [active]
            previous, active = active, "v0002" if active == "v0001" else "v0001"
            changing = threading.Thread(target=store.activate, args=(active,))
            changing.start()
            if number % 3 == 2:
                wait_until(lambda active=active: active in drive.versions(), "the first labels of the new version")
                assert kill_after(node, moments.uniform(0, 0.05))
            else:
                assert kill_after(node, moments.uniform(0, 0.9))
            changing.join()
            assert drive.versions() in ([previous], [previous, active])
            snapshot = store.read()
            assert (snapshot.note, snapshot.active) == ("", active)
            assert all(fault(store.folder(name), with_checksums=True) == "" for name in snapshot.versions[1:])
        start()
        wait_until(drive.versions, "labels")
        assert drive.versions() == [active]
    finally:
        for node in nodes:
            node.kill()
            node.join()
