# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""The simulated event camera: what makes a pixel report, and that a street gives events where its edges move."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from madm_model.cli.app import app
from madm_model.events.edge_source import open_edge_frames
from madm_model.events.recording import open_events
from madm_model.io.bags import BagReader
from madm_model.simulator import SimulatorConfig, StreetSimulator
from madm_model.simulator import events as module
from madm_model.simulator.events import EventSensor, EventSensorConfig, street_events
from madm_model.simulator.record import EVENT_TOPIC, START_NS

QUIET = {"noise_hz": 0.0, "threshold_spread": 0.0, "refractory_s": 0.0}


def sensor(**changes: float) -> EventSensor:
    """Four pixels in a row."""
    return EventSensor(0, 1, 4, EventSensorConfig(threshold=0.25, **{**QUIET, **changes}))


def views(pixels: EventSensor, *levels: float, step_us: int = 10_000) -> list:
    """The first pixel's logarithm of brightness goes through the levels, the others are still."""
    return [pixels.see(np.array([level, 0, 0, 0], np.float32), index * step_us) for index, level in enumerate(levels)]


def rows(chunk) -> list[tuple[int, int, int]]:
    return [(int(t), int(x), int(p)) for t, x, p in zip(chunk.t_us, chunk.x, chunk.p)]


def test_every_threshold_crossed_is_an_event_at_its_time():
    none, up, down = views(sensor(), 0.0, 1.1, 0.3)
    assert len(none) == 0
    # A quarter of 1.1 in 10 ms each: 0.25, 0.5, 0.75, 1.0.
    assert [p for _, _, p in rows(up)] == [1] * 4
    np.testing.assert_allclose(up.t_us, np.arange(1, 5) * 0.25 / 1.1 * 10_000, atol=1)
    # Back from 1.1: the reference is 1.0, the crossings are 0.75 and 0.5, while 0.25 is not reached.
    assert [p for _, _, p in rows(down)] == [0] * 2
    np.testing.assert_allclose(down.t_us, 10_000 + np.array([0.35, 0.6]) / 0.8 * 10_000, atol=1)


def test_small_changes_add_up_over_moments():
    chunks = views(sensor(), 0.0, 0.1, 0.2, 0.3)
    assert [len(chunk) for chunk in chunks] == [0, 0, 0, 1]
    assert abs(int(chunks[3].t_us[0]) - 25_000) <= 1


def test_a_pixel_is_blind_after_an_event():
    # Crossings every millisecond; blind for 2.5 ms: every third is left.
    (_, up) = views(sensor(refractory_s=0.0025), 0.0, 2.5 + 1e-4)
    np.testing.assert_allclose(np.diff(up.t_us), 3000, atol=2)
    assert len(up) == 4
    # Blindness lasts beyond the moment of the view.
    pixels = sensor(refractory_s=0.05)
    assert [len(chunk) for chunk in views(pixels, 0.0, 0.3, 0.6, 0.9, 1.2, 1.5, 1.8, 2.1)] == [0, 1, 0, 0, 0, 0, 1, 0]


def test_thresholds_differ_from_pixel_to_pixel_and_noise_has_its_rate():
    config = EventSensorConfig(threshold=0.25, threshold_spread=0.05, noise_hz=0.0)
    spread = EventSensor(1, 50, 50, config)
    spread.see(np.zeros(2500, np.float32), 0)
    ramp = spread.see(np.full(2500, 0.25, np.float32), 10_000)
    assert 0.4 < len(ramp) / 2500 < 0.6 and (ramp.p == 1).all()
    noisy = EventSensor(1, 50, 50, EventSensorConfig(noise_hz=4.0))
    still = np.zeros(2500, np.float32)
    noisy.see(still, 0)
    noise = noisy.see(still, 1_000_000)
    assert len(noise) == pytest.approx(10_000, rel=0.05) and 0.45 < noise.p.mean() < 0.55
    assert (np.diff(noise.t_us) >= 0).all()


def test_much_change_is_looked_at_more_often(monkeypatch):
    looked: list[float] = []
    frame = StreetSimulator.frame
    monkeypatch.setattr(StreetSimulator, "frame", lambda self, time_s: looked.append(time_s) or frame(self, time_s))
    street = StreetSimulator(5, SimulatorConfig(64, 48, "day"))
    list(street_events(street, 1.0, 1.04, EventSensorConfig(busy_share=1.0)))
    assert np.allclose(looked, [1.0, 1.02, 1.04])
    looked.clear()
    list(street_events(street, 1.0, 1.04, EventSensorConfig(busy_share=0.0, halvings=1)))
    assert np.allclose(sorted(looked), [1.0, 1.01, 1.02, 1.03, 1.04])


def test_a_street_gives_the_same_events_again_and_more_where_edges_move():
    config = SimulatorConfig(96, 72, "day")
    chunks = list(street_events(StreetSimulator(3, config), 2.0, 2.1))
    again = list(street_events(StreetSimulator(3, config), 2.0, 2.1))
    times = np.concatenate([chunk.t_us for chunk in chunks])
    assert times[0] >= 2_000_000 and times[-1] <= 2_100_000 and (np.diff(times) >= 0).all()
    for one, other in zip(chunks, again):
        np.testing.assert_array_equal(one.t_us, other.t_us)
        np.testing.assert_array_equal(one.pixel(), other.pixel())
    count = np.bincount(np.concatenate([chunk.pixel() for chunk in chunks]), minlength=96 * 72)
    grey = StreetSimulator(3, SimulatorConfig(96, 72, "day", sensor_noise=False)).frame(2.05).rgb.mean(axis=2)
    steepness = np.hypot(*np.gradient(grey)).reshape(-1)
    steep, flat = steepness > np.quantile(steepness, 0.9), steepness < np.quantile(steepness, 0.5)
    assert count[steep].mean() > 4 * count[flat].mean() > 0


@pytest.mark.parametrize(
    ("name", "value"),
    [("threshold", 0.0), ("noise_hz", -1.0), ("refractory_s", float("nan")), ("step_s", 0.0), ("halvings", 9)],
)
def test_values_out_of_range_are_refused(name, value):
    with pytest.raises(ValueError, match=name):
        module.EventSensorConfig(**{name: value})


def test_simulated_bags_hold_events_on_the_clock_of_the_images(tmp_path: Path):
    path = tmp_path / "drive"
    options = ["--seconds", "0.3", "--rate", "10", "--width", "64", "--height", "48", "--seed", "4"]
    result = CliRunner().invoke(app, ["simulate", "--out", str(path), "--events", *options])
    assert result.exit_code == 0, result.output
    expected = np.concatenate([c.t_us for c in street_events(StreetSimulator(4, SimulatorConfig(64, 48)), 0, 0.3)])
    recording = open_events(path)
    read = np.concatenate([chunk.t_us for chunk in recording])
    np.testing.assert_array_equal(read, expected)
    assert recording.topic == EVENT_TOPIC and recording.clock.to_ros_ns(0) == START_NS
    assert recording.counters.gaps == recording.counters.backward == recording.counters.stale == 0
    with BagReader(path) as bag:
        assert bag.topics()["/labels/image_raw"].count == 3
    frames = list(open_edge_frames(path, EVENT_TOPIC, in_step_with="/labels/image_raw"))
    assert [frame.stamp_ns for frame in frames][-2:] == [START_NS + 100_000_000, START_NS + 200_000_000]
    assert all(frame.array.any() for frame in frames)
