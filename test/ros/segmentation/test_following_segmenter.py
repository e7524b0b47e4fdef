# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""Another version takes over between two frames, or is reported and left."""

from __future__ import annotations

import threading
import time
import weakref
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("rclpy", reason="ROS 2's rclpy is not installed")

from ros_helpers import FakeSegmenter, wait_until

from madm_model.labels import STREET_11
from madm_model.model_config import ModelError
from madm_model.store import BASE, VersionInfo, VersionStore
from madm_ros.segmentation.following_segmenter import FollowingSegmenter, open_segmenter

FRAME = np.zeros((8, 8, 3), np.uint8)


class Loader:
    """Makes fake segmenters by folder, and remembers them."""

    def __init__(self) -> None:
        self.made: dict[str, FakeSegmenter] = {}
        self.broken: set[str] = set()
        self.not_finite: set[str] = set()
        self.warmed: list[tuple[str, tuple[int, int]]] = []

    def __call__(self, folder) -> FakeSegmenter:
        name = Path(folder).name
        if name in self.broken:
            raise ModelError(f"{name} is damaged")
        segmenter = self.made[name] = FakeSegmenter()
        segmenter.config = replace(segmenter.config, name=name)
        segmenter.warm_up = lambda *size: self.warmed.append((name, size)) or self._check(name)
        return segmenter

    def _check(self, name: str) -> None:
        if name in self.not_finite:
            raise ModelError("the network's scores are not finite")


def save(folder: Path) -> None:
    (folder / "config.json").write_text("{}")
    (folder / "model.safetensors").write_bytes(b"weights")


def info(version: str) -> VersionInfo:
    return VersionInfo(version, BASE, "job", "thermal", gate={"passed": True})


@pytest.fixture
def store(tmp_path) -> VersionStore:
    return VersionStore(tmp_path / "store", tmp_path / "base")


@pytest.fixture
def loader() -> Loader:
    return Loader()


@pytest.fixture
def follow(store, loader):
    opened, errors = [], []

    def start() -> tuple[FollowingSegmenter, list[str]]:
        opened.append(FollowingSegmenter(store, loader, errors.append, lambda line: None))
        return opened[-1], errors

    yield start
    for segmenter in opened:
        segmenter.close()


def segment_until(segmenter: FollowingSegmenter, version: str) -> None:
    def attempt() -> bool:
        assert len(segmenter.segment([FRAME])) == 1
        return segmenter.version == version

    wait_until(attempt, f"version {version}")


def test_without_a_store_the_model_is_loaded_as_it_is(loader) -> None:
    assert open_segmenter("some", "", loader, print, print) is loader.made["some"]


class OutOfMemory(FakeSegmenter):
    """Runs out of memory in its network, which the error's frames refer to."""

    def __init__(self) -> None:
        super().__init__()
        self.network = FakeSegmenter()
        self.alive = weakref.ref(self.network)

    def warm_up(self, height: int, width: int) -> None:
        network = self.network
        raise RuntimeError(f"out of memory in {type(network).__name__}")

    def close(self) -> None:
        self.network = None
        self.alive_when_closed = self.alive() is not None
        super().close()


@pytest.mark.parametrize("while_following", [False, True])
def test_the_memory_of_a_network_that_cannot_run_is_given_back(store, loader, while_following: bool) -> None:
    broken, errors = OutOfMemory(), []

    def load(folder):
        return broken if Path(folder).name == "v0001" else loader(folder)

    first = BASE if while_following else store.add(save, info)
    store.activate(first)
    segmenter = FollowingSegmenter(store, load, errors.append, lambda line: None)
    if while_following:
        store.activate(store.add(save, info))
    wait_until(lambda: broken.closed, "the version to be closed")
    assert not broken.alive_when_closed
    wait_until(lambda: errors, "the error")
    assert "out of memory in FakeSegmenter" in errors[0]
    segmenter.close()


def test_a_new_active_version_takes_over_and_the_old_one_is_closed(store, loader, follow) -> None:
    segmenter, errors = follow()
    assert segmenter.version == BASE
    assert segmenter.config.name == "base"
    store.activate(store.add(save, info))
    segment_until(segmenter, "v0001")
    assert segmenter.config.name == "v0001"
    wait_until(lambda: loader.made["base"].closed, "the old version to be closed")
    store.rollback()
    segment_until(segmenter, BASE)
    assert errors == []


def test_frames_go_through_the_old_version_while_the_new_one_loads(store, loader, follow) -> None:
    segmenter, _ = follow()
    store.activate(store.add(save, info))
    wait_until(lambda: "v0001" in loader.made, "the version to be loaded")
    assert segmenter.version == BASE
    assert not loader.made["base"].closed
    segment_until(segmenter, "v0001")
    assert len(loader.made["v0001"].images) == 1


def test_a_new_version_is_ready_for_the_cameras_sizes(store, loader, follow) -> None:
    """What a runtime compiles is for one size: the first frame would wait for it."""
    segmenter, _ = follow()
    wide = np.zeros((8, 16, 3), np.uint8)
    for images in ([FRAME], [wide], [wide, wide], [FRAME]):
        segmenter.segment(images)
    store.activate(store.add(save, info))
    segment_until(segmenter, "v0001")
    warmed = [(name, size) for name, size in loader.warmed if name != "base"]
    assert warmed == [("v0001", FRAME.shape[:2]), ("v0001", wide.shape[:2])]
    assert segmenter.runtime == "torch float32"


def test_no_frame_waits_until_the_old_version_has_given_its_memory_back(store, loader, follow, monkeypatch) -> None:
    segmenter, _ = follow()
    base, closing, release = loader.made["base"], threading.Event(), threading.Event()
    monkeypatch.setattr(base, "close", lambda: closing.set() or release.wait(20))
    store.activate(store.add(save, info))
    segment_until(segmenter, "v0001")
    wait_until(closing.is_set, "the old version to be closed")
    assert segmenter.segment([FRAME])  # while that goes on
    assert not release.is_set()
    release.set()


def test_a_version_that_cannot_be_loaded_for_the_moment_takes_over_later(store, loader, follow) -> None:
    segmenter, errors = follow()
    loader.broken.add("v0001")
    store.activate(store.add(save, info))
    wait_until(lambda: errors, "an error")
    loader.broken.clear()
    segment_until(segmenter, "v0001")
    assert len(errors) == 1


def test_a_version_that_cannot_be_loaded_is_reported_once_and_the_present_one_goes_on(store, loader, follow) -> None:
    loader.broken.add("v0001")
    segmenter, errors = follow()
    store.activate(store.add(save, info))
    wait_until(lambda: errors, "an error")
    time.sleep(1.1)
    assert errors == ["version v0001 cannot be used, base goes on: v0001 is damaged"]
    assert segmenter.trouble == errors[0]
    assert segmenter.segment([FRAME])
    store.activate(store.add(save, info))
    segment_until(segmenter, "v0002")
    wait_until(lambda: not segmenter.trouble, "the trouble to be over")


def test_a_version_with_other_classes_does_not_take_over(store, loader, follow, monkeypatch) -> None:
    segmenter, errors = follow()

    def other(folder) -> FakeSegmenter:
        made = loader(folder)
        made.config = replace(made.config, label_set=STREET_11)
        return made

    monkeypatch.setattr(segmenter, "_load", other)
    store.activate(store.add(save, info))
    wait_until(lambda: errors, "an error")
    assert "it has other classes" in errors[0]
    wait_until(lambda: loader.made["v0001"].closed, "it to be closed")


def test_at_the_start_a_damaged_active_version_gives_way_to_the_base(store, loader, follow) -> None:
    store.activate(store.add(save, info))
    loader.broken.add("v0001")
    segmenter, errors = follow()
    assert segmenter.version == BASE
    assert errors == ["version v0001 cannot be loaded, the base segments in its place: v0001 is damaged"]


def test_at_the_start_a_version_that_cannot_be_loaded_for_the_moment_takes_over_later(store, loader, follow) -> None:
    store.activate(store.add(save, info))
    loader.broken = {"v0001"}
    segmenter, errors = follow()
    assert segmenter.version == BASE
    loader.broken = set()
    segment_until(segmenter, "v0001")
    assert len(errors) == 1


def test_closing_gives_back_everything_that_was_loaded(store, loader, follow) -> None:
    segmenter, _ = follow()
    store.activate(store.add(save, info))
    wait_until(lambda: segmenter._next, "the version to wait")
    segmenter.close()
    assert all(made.closed for made in loader.made.values())


def test_a_version_whose_scores_are_not_finite_does_not_take_over(store, loader, follow) -> None:
    loader.not_finite.add("v0001")
    _, errors = follow()
    store.activate(store.add(save, info))
    wait_until(lambda: errors, "an error")
    assert errors == ["version v0001 cannot be used, base goes on: the network's scores are not finite"]
    assert loader.made["v0001"].closed


def test_at_the_start_a_version_whose_scores_are_not_finite_gives_way_to_the_base(store, loader, follow) -> None:
    store.activate(store.add(save, info))
    loader.not_finite.add("v0001")
    segmenter, errors = follow()
    assert segmenter.version == BASE
    assert segmenter.trouble == errors[0]
    assert "v0001 cannot be loaded, the base segments in its place: the network's scores are not finite" in errors[0]
    assert loader.made["v0001"].closed


def test_what_goes_wrong_in_the_followers_thread_is_told_and_it_follows_on(store, loader, follow, monkeypatch) -> None:
    segmenter, errors = follow()
    read, writer = store.read, VersionStore(store.root, store.base)
    monkeypatch.setattr(store, "read", lambda: read() if errors else 1 // 0)
    writer.activate(writer.add(save, info))
    segment_until(segmenter, "v0001")
    assert errors == ["following the store goes on after ZeroDivisionError: integer division or modulo by zero"]
