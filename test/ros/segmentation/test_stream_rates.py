# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.

from __future__ import annotations

import pytest

pytest.importorskip("rclpy", reason="ROS 2's rclpy is not installed")

from madm_ros.diagnostic_reports import WINDOW_S
from madm_ros.segmentation.stream_rates import StreamRates


class Stream:
    def __init__(self) -> None:
        self.now = 0.0
        self.rates = StreamRates(lambda: self.now)

    def send(self, *numbers: int | None, publisher: str = "one") -> None:
        """Messages with these sequence numbers, ten a second."""
        for number in numbers:
            self.now += 0.1
            self.rates.note({"publication_sequence_number": number, "publisher_gid": publisher})


@pytest.fixture
def stream() -> Stream:
    return Stream()


def test_gaps_in_the_numbers_are_published_and_did_not_arrive(stream) -> None:
    stream.send(7, 8, 11, 12, 16)
    stream.now = 2.0
    assert stream.rates.arrived() == 5 / 2.0
    assert stream.rates.published() == 10 / 2.0


def test_each_publisher_counts_by_itself_and_one_that_starts_again_loses_nothing(stream) -> None:
    stream.send(1, 2)
    stream.send(901, 902, publisher="two")
    stream.send(3)
    stream.send(1)
    stream.now = 2.0
    assert stream.rates.published() == stream.rates.arrived() == 3.0


def test_what_a_new_subscription_has_not_heard_is_no_loss(stream) -> None:
    stream.send(1)
    stream.rates.subscribed()
    stream.send(50, 51)
    stream.now = 2.0
    assert stream.rates.published() == stream.rates.arrived() == 1.5


@pytest.mark.parametrize("unknown", [None, 2**64 - 1])
def test_without_numbers_published_is_what_arrived(stream, unknown) -> None:
    stream.send(unknown, unknown, unknown)
    stream.rates.note({})  # as rclpy of ROS 2 Humble
    stream.now = 2.0
    assert stream.rates.published() == stream.rates.arrived() == 2.0


def test_old_messages_are_forgotten(stream) -> None:
    stream.send(1, 5)
    stream.now = WINDOW_S + 1.0
    assert stream.rates.published() == stream.rates.arrived() == 0.0
