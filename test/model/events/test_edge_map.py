# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""The edge map against dv-processing's own EdgeMapAccumulator, pixel for pixel."""

from __future__ import annotations

import numpy as np
import pytest
from event_samples import events_at, random_events, recording

from madm_model.events.container import Events
from madm_model.events.edge_config import EdgeConfig
from madm_model.events.edge_map import EdgeMap

SETTINGS = [
    {"contribution": 0.25, "edge_map_decay": 1.0},
    {"contribution": 0.25, "edge_map_decay": 0.25},
    {"contribution": 0.1, "edge_map_decay": 0.0},
    {"contribution": 0.33, "edge_map_decay": 0.4, "neutral": 0.5},
    {"contribution": 0.25, "edge_map_decay": 1.0, "ignore_polarity": False},
    {"contribution": 0.15, "edge_map_decay": 0.3, "ignore_polarity": False, "neutral": 0.5},
    {"contribution": 0.6, "edge_map_decay": 0.0, "ignore_polarity": False, "neutral": 0.2},
    {"contribution": 1.0, "edge_map_decay": 0.9, "ignore_polarity": False, "neutral": 1.0},
]


def config_of(settings: dict) -> EdgeConfig:
    return EdgeConfig(mode="edge_map", **settings)


def stepped_one_by_one(image: np.ndarray, events: Events, step: int) -> np.ndarray:
    image = image.astype(int)
    for x, y, p in zip(events.x, events.y, events.p):
        image[y, x] = min(max(image[y, x] + (step if p else -step), 0), 255)
    return image


def dv_accumulator(dv, size: tuple[int, int], config: EdgeConfig):
    return dv.EdgeMapAccumulator(
        size, config.contribution, config.ignore_polarity, config.neutral, config.edge_map_decay
    )


@pytest.mark.parametrize("settings", SETTINGS)
def test_agrees_with_dv_processing_on_a_recorded_stream(settings):
    dv = pytest.importorskip("dv_processing", reason="dv-processing is not installed")
    file = dv.io.MonoCameraRecording(str(recording("events", "tonic_aedat4", "sample.aedat4")))
    width, height = file.getEventResolution()
    config = config_of(settings)
    theirs, ours = dv_accumulator(dv, (width, height), config), EdgeMap(height, width, config)
    compared = 0
    while (store := file.getNextEventBatch()) is not None:
        table = store.numpy()
        x, y = table["x"].astype(np.uint16), table["y"].astype(np.uint16)
        ours.add(Events(table["timestamp"].astype(np.int64), x, y, table["polarity"].astype(np.uint8), width, height))
        theirs.accept(store)
        # Two batches to every third frame, so that frames of several additions are compared as well.
        if compared % 3 != 2:
            np.testing.assert_array_equal(ours.frame(0), theirs.generateFrame().image)
        compared += 1
    assert compared == 59


@pytest.mark.parametrize("settings", SETTINGS)
def test_agrees_with_dv_processing_on_busy_pixels(settings):
    dv = pytest.importorskip("dv_processing", reason="dv-processing is not installed")
    config = config_of(settings)
    theirs, ours = dv_accumulator(dv, (8, 6), config), EdgeMap(6, 8, config)
    for turn in range(5):
        events = random_events(400, 8, 6, 1000, seed=turn, start_us=1000 * turn)
        store = dv.EventStore()
        for row in zip(events.t_us.tolist(), events.x.tolist(), events.y.tolist(), (events.p > 0).tolist()):
            store.push_back(*row)
        theirs.accept(store)
        ours.add(events)
        np.testing.assert_array_equal(ours.frame(0), theirs.generateFrame().image)


def test_each_event_adds_a_rounded_up_step_and_saturates():
    edges = EdgeMap(2, 3, config_of({"contribution": 0.25, "edge_map_decay": 1.0}))
    edges.add(events_at([(0, 1, 0, 1), (1, 2, 1, 0), (2, 2, 1, 1), *[(3, 0, 0, 1)] * 9], 3, 2))
    assert edges.frame(0).tolist() == [[255, 64, 0], [0, 0, 128]]
    assert edges.frame(0).max() == 0


def test_falls_by_steps_without_events():
    edges = EdgeMap(1, 1, config_of({"contribution": 1.0, "edge_map_decay": 0.25}))
    edges.add(events_at([(0, 0, 0, 1)], 1, 1))
    assert [int(edges.frame(0)[0, 0]) for _ in range(6)] == [255, 192, 129, 66, 3, 0]


@pytest.mark.parametrize("step_share", [0.05, 0.3, 1.0])
def test_signed_steps_are_those_taken_one_by_one(step_share):
    config = config_of({"contribution": step_share, "edge_map_decay": 0.0, "neutral": 0.4, "ignore_polarity": False})
    edges = EdgeMap(5, 7, config)
    expected = edges.frame(0)
    step = int(np.ceil(np.float32(255) * np.float32(step_share)))
    for turn in range(4):
        events = random_events(301 + turn, 7, 5, 1000, seed=turn)
        edges.add(events)
        expected = stepped_one_by_one(expected, events, step)
        np.testing.assert_array_equal(edges.frame(0), expected)


def test_signed_steps_on_a_large_sensor():
    config = config_of({"contribution": 0.3, "edge_map_decay": 0.0, "ignore_polarity": False})
    edges = EdgeMap(720, 1280, config)
    rows = [(t, x, y, p) for t, (x, y, p) in enumerate([(1279, 719, 1), (0, 0, 1), (1279, 719, 1), (0, 51, 0)] * 3)]
    edges.add(events_at(rows, 1280, 720))
    image = edges.frame(0)
    assert (image[719, 1279], image[0, 0], image[51, 0]) == (255, 231, 0)
    assert np.count_nonzero(image) == 2


def test_a_frame_handed_out_is_not_written_to_again():
    edges = EdgeMap(4, 4, config_of({"edge_map_decay": 0.0}))
    first = edges.frame(0)
    edges.add(random_events(100, 4, 4, 100))
    edges.frame(0)
    assert first.max() == 0
