# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""Which cloud gets which picture's labels: hand-made sequences of stamps, and message_filters where it is installed."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

pytest.importorskip("rclpy", reason="ROS 2's rclpy is not installed")

from builtin_interfaces.msg import Time

from madm_ros.clouds import pairing
from madm_ros.clouds.pairing import ExactPairing, OwnSynchronizer, Pairing

CLOUD, LABELS = 0, 1


def message(stamp_s: float, name: str = "") -> SimpleNamespace:
    ns = round(stamp_s * 1e9)
    stamp = Time(sec=ns // 1_000_000_000, nanosec=ns % 1_000_000_000)
    return SimpleNamespace(header=SimpleNamespace(stamp=stamp), stamp_s=stamp_s, name=name)


def pairs_of(sequence: list[tuple[int, float]], kind: type = OwnSynchronizer, queue_size: int = 10) -> list:
    """Stamps of the pairs that a sequence of (topic, stamp) makes, with 0.1 s between the two at most."""
    found: list[tuple[float, float]] = []
    synchronizer = kind(queue_size, 0.1, lambda cloud, labels: found.append((cloud.stamp_s, labels.stamp_s)))
    for topic, stamp_s in sequence:
        synchronizer.add(topic, message(stamp_s))
    return found


SEQUENCES = {
    "labels come late": (
        [(CLOUD, 1.0), (CLOUD, 1.1), (CLOUD, 1.2), (LABELS, 1.02), (LABELS, 1.22)],
        [(1.0, 1.02), (1.2, 1.22)],
    ),
    "the nearest cloud": ([(CLOUD, 1.0), (CLOUD, 1.06), (CLOUD, 1.12), (LABELS, 1.07)], [(1.06, 1.07)]),
    "labels come first": ([(LABELS, 1.0), (LABELS, 1.05), (CLOUD, 1.06)], [(1.06, 1.05)]),
    "a message is used once": (
        [(CLOUD, 1.0), (LABELS, 1.01), (LABELS, 1.02), (CLOUD, 1.05)],
        [(1.0, 1.01), (1.05, 1.02)],
    ),
    "too far apart": ([(CLOUD, 1.0), (LABELS, 1.11), (CLOUD, 1.22)], []),
    "exactly the limit is too far": ([(CLOUD, 1.0), (LABELS, 1.1)], []),
    "just within it": ([(CLOUD, 1.0), (LABELS, 1.099)], [(1.0, 1.099)]),
    "stamps out of order": ([(CLOUD, 1.3), (CLOUD, 1.0), (LABELS, 1.02), (LABELS, 1.31)], [(1.0, 1.02), (1.3, 1.31)]),
}  # fmt: skip


@pytest.mark.parametrize("name", SEQUENCES)
@pytest.mark.parametrize("kind", [OwnSynchronizer, Pairing])
def test_pairs_of_hand_made_sequences(name: str, kind: type) -> None:
    sequence, expected = SEQUENCES[name]
    assert pairs_of(sequence, kind) == expected


def test_the_oldest_that_wait_are_dropped() -> None:
    clouds = [(CLOUD, 1.0 + 0.2 * number) for number in range(5)]
    assert pairs_of([*clouds, (LABELS, 1.0), (LABELS, 1.4)], queue_size=3) == [(1.4, 1.4)]
    assert pairs_of([*clouds, (CLOUD, 0.5), (LABELS, 0.5)], queue_size=5) == [], "older than all that wait"


@pytest.mark.parametrize("seed", range(5))
def test_the_rule_is_that_of_message_filters(seed: int) -> None:
    pytest.importorskip("message_filters", reason="message_filters comes with a ROS 2 distribution")
    rng = np.random.default_rng(seed)
    arrivals = [(CLOUD, 0.1 * k + rng.normal(0, 0.01), 0.1 * k) for k in range(100)]
    arrivals += [(LABELS, 0.07 * k + rng.normal(0, 0.01), 0.07 * k + rng.uniform(0.1, 0.6)) for k in range(140)]
    sequence = [(topic, 10 + stamp) for topic, stamp, _ in sorted(arrivals, key=lambda arrival: arrival[2])]
    own = pairs_of(sequence)
    assert len(own) > 50
    assert own == pairs_of(sequence, pairing._MessageFilters)


def test_time_that_starts_again_begins_anew() -> None:
    """A bag in a loop: else clouds of the first round would wait as the newest, and those of the second be dropped."""
    first = [(CLOUD, 100.0 + 0.3 * number) for number in range(10)]
    second = [(CLOUD, 10.0), (LABELS, 10.02), (CLOUD, 10.3), (LABELS, 10.32)]
    assert pairs_of([*first, *second], Pairing, queue_size=5) == [(10.0, 10.02), (10.3, 10.32)]


def test_how_far_the_topics_are_apart() -> None:
    pairs = Pairing(10, 0.1, lambda *_: None)
    assert pairs.apart_s() is None
    pairs.add(CLOUD, message(5.0))
    assert pairs.apart_s() is None
    pairs.add(LABELS, message(3.5))
    assert pairs.apart_s() == pytest.approx(1.5)


def test_labels_and_confidence_are_of_one_picture() -> None:
    found = []
    pairs = ExactPairing(lambda labels, confidence: found.append((labels.name, confidence.name)))
    for topic, stamp, name in (
        (0, 1.0, "labels 1"), (0, 1.1, "labels 2"), (1, 1.1, "confidence 2"), (1, 1.2, "confidence 3"),
        (1, 1.0, "confidence 1"), (0, 1.2, "labels 3"), (0, 1.3, "labels 4"),
    ):  # fmt: skip
        pairs.add(topic, message(stamp, name))
    assert found == [(f"labels {k}", f"confidence {k}") for k in (2, 1, 3)]


def test_pictures_that_never_get_their_confidence_do_not_gather() -> None:
    found = []
    pairs = ExactPairing(lambda labels, confidence: found.append(labels.stamp_s))
    for number in range(100):
        pairs.add(0, message(1.0 + number))
    pairs.add(1, message(1.0))
    pairs.add(1, message(100.0))
    assert found == [100.0]
