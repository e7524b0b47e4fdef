# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""Pools of simulated frames: what they hold, when they are rendered again, and that event frames are the live ones."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import replace

import cv2
import numpy as np
import pytest

from madm_model.events.edge_source import open_edge_frames
from madm_model.io.frames import InputError
from madm_model.modalities import make_preprocessor
from madm_model.simulator import SimulatorConfig, StreetSimulator, edges
from madm_model.simulator.edges import edge_image
from madm_model.simulator.events import EventSensorConfig, street_events
from madm_model.simulator.record import EVENT_TOPIC, START_NS, record_drive
from madm_model.training import frame_pool
from madm_model.training.frame_pool import FramePoolConfig, network_frames, render_pool

SMALL = FramePoolConfig(21, streets=2, frames_per_street=2, width=64, height=48)


@pytest.fixture
def rendered(monkeypatch) -> list[FramePoolConfig]:
    """What is rendered, in this process instead of others."""
    calls: list[FramePoolConfig] = []
    render = frame_pool._render_street

    class Here:
        def __init__(self, workers: int | None, initializer: Callable, initargs: tuple) -> None:
            # Processes forked while OpenCV has threads wait for them for ever.
            assert cv2.getNumThreads() == 1

        def __enter__(self) -> Here:
            return self

        def __exit__(self, *_: object) -> None:
            pass

        map = staticmethod(map)

    def counted(config: FramePoolConfig, seed: int):
        calls.append(config)
        return render(config, seed)

    monkeypatch.setattr(frame_pool, "ProcessPoolExecutor", Here)
    monkeypatch.setattr(frame_pool, "_render_street", counted)
    return calls


def test_a_pool_holds_what_it_is_asked_for_and_events_only_then(tmp_path, rendered, monkeypatch):
    def no_events(*_: object) -> None:
        raise AssertionError("nobody asked for events")

    with monkeypatch.context() as patch:
        patch.setattr(edges, "street_events", no_events)
        plain = render_pool(SMALL, tmp_path / "plain")
    assert set(plain.images) == {"rgb", "thermal", "depth"}
    chosen = render_pool(replace(SMALL, modalities=("rgb", "event")), tmp_path / "chosen")
    assert set(chosen.images) == {"rgb", "event"}
    np.testing.assert_array_equal(chosen.images["rgb"], plain.images["rgb"])
    np.testing.assert_array_equal(chosen.labels, plain.labels)
    assert chosen.images["event"].shape == (4, 48, 64, 3)
    streets = [list(network_frames(replace(SMALL, modalities=("event",)), seed)) for seed in (21, 22)]
    np.testing.assert_array_equal(chosen.images["event"], [frame["event"] for street in streets for frame in street])


def test_a_pool_is_rendered_again_only_if_it_lacks_something(tmp_path, rendered):
    def renders(config: FramePoolConfig) -> int:
        before = len(rendered)
        pool = render_pool(config, tmp_path)
        assert set(config.modalities) <= set(pool.images)
        return len(rendered) - before

    assert renders(SMALL) == 2
    assert renders(SMALL) == 0
    assert renders(replace(SMALL, modalities=("thermal",))) == 0
    # A stamp of before modalities could be chosen.
    stamp = json.loads((tmp_path / "pool.json").read_text())
    del stamp["modalities"], stamp["quiet_share"], stamp["close_share"]
    (tmp_path / "pool.json").write_text(json.dumps(stamp))
    assert renders(SMALL) == 0
    assert renders(replace(SMALL, modalities=("thermal", "event"))) == 2
    assert renders(SMALL) == 2
    assert renders(replace(SMALL, first_seed=22)) == 2


def test_opencv_has_its_threads_again_after_rendering(tmp_path, rendered):
    before = cv2.getNumThreads()
    cv2.setNumThreads(3)
    try:
        render_pool(SMALL, tmp_path)
        assert len(rendered) == 2 and cv2.getNumThreads() == 3
    finally:
        cv2.setNumThreads(before)


def test_the_first_frame_of_a_street_has_edges_too():
    first = edge_image(StreetSimulator(3, SimulatorConfig(96, 72, "day")), 0.0)
    assert first.shape == (72, 96)
    assert np.mean(first > 60) > 0.05


def test_event_frames_are_those_of_a_recorded_drive(tmp_path):
    simulator = StreetSimulator(4, SimulatorConfig(64, 48))
    # The sensor is switched on with the drive, so the frame at 0.1 s has the same history both ways.
    record_drive(simulator, tmp_path / "drive", 0.2, 10, event_sensor=EventSensorConfig())
    source = open_edge_frames(tmp_path / "drive", EVENT_TOPIC, in_step_with="/labels/image_raw")
    (recorded,) = (frame for frame in source if frame.stamp_ns == START_NS + 100_000_000)
    pooled = edge_image(simulator, 0.1)
    np.testing.assert_array_equal(make_preprocessor("event")(recorded)[..., 0], pooled)
    assert pooled.any()


def test_a_street_without_events_is_black(monkeypatch):
    monkeypatch.setattr(edges, "street_events", lambda *_: iter(()))
    assert not edge_image(StreetSimulator(4, SimulatorConfig(64, 48)), 1.0).any()


def test_the_noise_before_the_drive_is_reproducible():
    simulator = StreetSimulator(5, SimulatorConfig(64, 48))
    once, again = (np.concatenate([c.t_us for c in street_events(simulator, -0.05, 0.0)]) for _ in range(2))
    np.testing.assert_array_equal(once, again)
    assert once.min() < 0


@pytest.mark.parametrize(
    ("share", "scene", "chosen"),
    [({"quiet_share": 0.5}, {"place": "quiet"}, (22, 24)), ({"close_share": 0.25}, {"close_people": True}, (24,))],
)
def test_a_share_of_the_streets_are_quiet_ways_or_have_people_close_before_the_camera(share, scene, chosen):
    config = replace(SMALL, streets=4, frames_per_street=1, **share)
    for seed in range(21, 25):
        (frame,) = network_frames(config, seed)
        expected = StreetSimulator(seed, SimulatorConfig(64, 48, **(scene if seed in chosen else {}))).frame(0.0)
        np.testing.assert_array_equal(frame["labels"], expected.labels)


@pytest.mark.parametrize("modalities", [(), ("radar",)])
def test_unknown_modalities_are_refused(modalities):
    with pytest.raises(ValueError, match=r"^modalities"):
        replace(SMALL, modalities=modalities)


def test_a_folder_of_someones_files_is_left_alone(tmp_path, rendered) -> None:
    (tmp_path / "event_frames").mkdir()
    (tmp_path / "event_frames" / "my_recording.h5").write_bytes(b"mine")
    with pytest.raises(InputError, match=r"my_recording.h5 is no part of rendered frames: name another work folder"):
        render_pool(SMALL, tmp_path / "event_frames")
    assert [path.name for path in tmp_path.rglob("*.*")] == ["my_recording.h5"]


def test_two_that_render_one_pool_do_not_disturb_each_other(tmp_path, rendered, monkeypatch) -> None:
    once = frame_pool._render_street

    def meanwhile(config, seed):
        monkeypatch.setattr(frame_pool, "_render_street", once)
        with monkeypatch.context() as other:  # the other process, which is quicker
            other.setattr(os, "getpid", lambda: 1)
            render_pool(config, tmp_path / "pool")
        return once(config, seed)

    monkeypatch.setattr(frame_pool, "_render_street", meanwhile)
    pool = render_pool(SMALL, tmp_path / "pool")
    assert (np.asarray(pool.labels).reshape(4, -1).max(axis=1) > 0).all()
    assert [path.name for path in tmp_path.iterdir()] == ["pool"]


def test_what_a_killed_rendering_left_is_removed(tmp_path, rendered) -> None:
    (tmp_path / ".pool.99999999.tmp").mkdir()
    (tmp_path / ".pool.99999999.tmp" / "rgb.npy").write_bytes(b"half")
    render_pool(SMALL, tmp_path / "pool")
    assert [path.name for path in tmp_path.iterdir()] == ["pool"]
