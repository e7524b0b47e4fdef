# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""The Python client against a server, over DDS."""

from __future__ import annotations

import pytest

pytest.importorskip("rclpy", reason="ROS 2's rclpy is not installed")

from adapt_helpers import JOB_S
from adaptation_samples import SMALL
from madm_msgs.msg import AdaptStatus

from madm_ros.adapt.client import AdaptClient, AdaptError


@pytest.fixture
def client(ros):
    client = AdaptClient(timeout_s=30.0, context=ros)
    yield client
    client.close()


def test_a_job_is_run_canceled_and_its_version_chosen(client, start_server, robot) -> None:
    start_server()
    bags, source = [str(robot / "bags" / "drive")], str(robot / "source")
    refused = client.adapt(["/elsewhere/bag"], 2)
    assert (refused.state, "bag_roots" in refused.message) == (AdaptStatus.STATE_FAILED, True)

    seen: list[int] = []
    result = client.adapt(
        bags, 2, options=SMALL, source=source, auto_activate=False, on_progress=lambda step: seen.append(step.iteration)
    )
    assert (result.state, result.new_version) == (AdaptStatus.STATE_NOT_ACTIVATED, "v0001"), result.message
    assert seen and max(seen) <= 2
    assert client.activate() == "v0001"
    assert client.rollback() == "base"
    with pytest.raises(AdaptError, match="nothing to go back to"):
        client.rollback()

    with pytest.raises(AdaptError, match="no job is running"):
        client.cancel()
    steps: list[int] = []
    client.start(bags, 100_000, options=SMALL, source=source, on_progress=lambda step: steps.append(step.iteration))
    while not steps:
        with pytest.raises(AdaptError, match="is not done after"):
            client.wait(0.2)
    assert "is told to stop" in client.cancel()
    assert client.wait(JOB_S).state == AdaptStatus.STATE_CANCELED
    assert list(client.status().versions) == ["base", "v0001"]


def test_a_server_that_is_not_there_is_one_clear_error(ros) -> None:
    client = AdaptClient("/nobody", timeout_s=0.2, context=ros)
    for call in (client.status, client.cancel, lambda: client.adapt(["bag"], 1)):
        with pytest.raises(AdaptError, match="no adaptation server answers in /nobody"):
            call()
    with pytest.raises(AdaptError, match="no job was started"):
        client.wait()
    client.close()
