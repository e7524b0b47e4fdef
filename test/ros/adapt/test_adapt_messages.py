# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""AdaptJob to a request, progress events to messages, and the server's parameters."""

from __future__ import annotations

import math

import pytest

pytest.importorskip("rclpy", reason="ROS 2's rclpy is not installed")

from builtin_interfaces.msg import Duration
from diagnostic_msgs.msg import KeyValue
from madm_msgs.msg import AdaptJob, AdaptStatus
from rclpy.serialization import serialize_message

from madm_model.adaptation.data.target_bags import TargetSelection
from madm_model.jobs.request import JobRequest
from madm_model.jobs.state import State
from madm_ros.adapt.messages import STATES, to_job, to_progress, to_request


def test_every_field_of_a_job_arrives() -> None:
    message = AdaptJob(
        bag_uris=["/data/drive one", "file:///data/drive%20two"],
        topic="/thermal",
        modality="thermal",
        start_s=1.5,
        end_s=9.0,
        frame_stride=3,
        iterations=200,
        time_budget=Duration(sec=90, nanosec=500_000_000),
        source="/data/labelled",
        options=[KeyValue(key="dplg.noise_period", value="60")],
        auto_activate=False,
    )
    request = to_request(message, "thermal", {"invert": True}, base="/models/base", keep=3, niceness=5)
    assert request.target.bags == ("/data/drive one", "/data/drive two")
    assert (request.target.topic, request.target.modality, request.target.stride) == ("/thermal", "thermal", 3)
    assert (request.target.start_s, request.target.end_s) == (1.5, 9.0)
    assert (request.iterations, request.time_budget_s, request.source) == (200, 90.5, "/data/labelled")
    assert request.options == {"dplg.noise_period": "60"}
    assert request.preprocessing == {"invert": True}
    assert (request.base, request.keep, request.niceness) == ("/models/base", 3, 5)
    message.bag_uris = ["/data/drive one", "/data/drive two"]  # in one way of writing
    assert to_job(request) == message


def test_sources_are_those_of_the_message_or_else_of_the_server() -> None:
    job = AdaptJob(bag_uris=["bag"], iterations=1)
    assert to_request(job, "depth", {}, default_source="/own:sim").source == "/own:sim"
    job.source = "file:///data/labelled=0.75:replay"
    assert to_request(job, "depth", {}, default_source="/own").source == "/data/labelled=0.75:replay"
    job.source = "/data=0.7:sim=0.7"
    with pytest.raises(ValueError, match="sum to more than 1"):
        to_request(job, "depth", {})


@pytest.mark.parametrize(("asked", "allowed"), [(True, True), (True, False), (False, True)])
def test_a_version_becomes_active_only_where_request_and_server_want_it(asked, allowed) -> None:
    job = AdaptJob(bag_uris=["bag"], iterations=1, auto_activate=asked)
    assert to_request(job, "depth", {}, auto_activate=allowed).auto_activate == (asked and allowed)


def test_an_empty_modality_is_the_nodes_and_a_stride_of_zero_is_every_frame() -> None:
    request = to_request(AdaptJob(bag_uris=["bag"], iterations=1), "depth", {})
    assert (request.target.modality, request.target.stride, request.source) == ("depth", 1, "")


def test_a_progress_event_becomes_a_message() -> None:
    event = {
        "iteration": 7,
        "iterations": 50,
        "losses": {"source_segmentation": 1.0, "target_segmentation": 0.5, "source_regression": 0.25},
        "confidence": 0.75,
        "noise_step": 42,
        "elapsed": 12.25,
        "eta": 80.5,
    }
    message = to_progress(event)
    assert (message.iteration, message.iterations, message.noise_step) == (7, 50, 42)
    assert (message.loss_total, message.loss_source, message.loss_target) == (1.75, 1.0, 0.5)
    assert message.loss_regression_source == 0.25
    assert math.isnan(message.loss_regression_target)
    assert message.pseudo_label_confidence == 0.75
    assert (message.elapsed, message.eta) == (
        Duration(sec=12, nanosec=250_000_000),
        Duration(sec=80, nanosec=500_000_000),
    )


def test_what_a_message_cannot_hold_is_the_most_it_can() -> None:
    progress = to_progress({"iteration": 2**40, "iterations": 2**40, "elapsed": 1e15, "eta": 1e15})
    assert (progress.iteration, progress.iterations) == (2**32 - 1, 2**32 - 1)
    assert progress.elapsed.sec == progress.eta.sec == 2**31 - 1
    target = TargetSelection(("/bags/caf\udce9",), "thermal", stride=2**40)
    message = to_job(JobRequest(target, 2**40, 1e15, source="/caf\udce9"))
    assert (message.iterations, message.frame_stride, message.time_budget.sec) == (2**32 - 1, 2**32 - 1, 2**31 - 1)
    assert (message.bag_uris, message.source) == (["/bags/caf\\udce9"], "/caf\\udce9")
    serialize_message(message)


def test_before_the_first_iteration_nothing_is_known() -> None:
    message = to_progress({})
    assert message.iteration == 0
    assert message.eta.sec < 0
    assert message.noise_step == -1
    assert math.isnan(message.pseudo_label_confidence)


def test_every_state_of_a_job_has_a_number_and_every_number_a_state() -> None:
    assert STATES.keys() == set(State)
    numbers = {name: getattr(AdaptStatus, name) for name in dir(AdaptStatus) if name.startswith("STATE_")}
    assert sorted(STATES.values()) == sorted(numbers.values())
    assert (STATES[State.IDLE], STATES[State.PREPARING], STATES[State.INTERRUPTED]) == (0, 1, 8)
