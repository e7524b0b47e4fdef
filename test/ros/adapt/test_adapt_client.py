# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""The Python client against a server, over DDS."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from unittest.mock import create_autospec

import pytest

pytest.importorskip("rclpy", reason="ROS 2's rclpy is not installed")

from adapt_helpers import JOB_S
from adaptation_samples import SMALL
from madm_msgs.action import Adapt as AdaptAction
from madm_msgs.msg import AdaptJob, AdaptProgress, AdaptStatus

from madm_ros.adapt.client import AdaptClient, AdaptError, AdaptRequest

DOCS = Path(__file__).resolve().parents[3] / "docs" / "adaptation.md"


@pytest.fixture
def client(ros):
    client = AdaptClient(timeout_s=30.0, context=ros)
    yield client
    client.close()


def test_a_job_is_run_canceled_and_its_version_chosen(client, start_server, robot) -> None:
    start_server()
    bags, source = [str(robot / "bags" / "drive")], f"{robot / 'source'}=1"
    refused = client.adapt(AdaptRequest(["/elsewhere/bag"], 2))
    assert (refused.state, "bag_roots" in refused.message) == (AdaptStatus.STATE_FAILED, True)

    seen: list[int] = []
    kept_only = AdaptRequest(bags, 2, options=SMALL, source=source, auto_activate=False)
    result = client.adapt(kept_only, on_progress=lambda step: seen.append(step.iteration))
    assert (result.state, result.new_version) == (AdaptStatus.STATE_NOT_ACTIVATED, "v0001"), result.message
    assert seen and max(seen) <= 2
    assert client.activate() == "v0001"
    assert client.rollback() == "base"
    with pytest.raises(AdaptError, match="nothing to go back to"):
        client.rollback()

    with pytest.raises(AdaptError, match="no job is running"):
        client.cancel()
    steps: list[int] = []
    endless = AdaptRequest(bags, 100_000, options=SMALL, source=source)
    client.start(endless, on_progress=lambda step: steps.append(step.iteration))
    while not steps:
        with pytest.raises(AdaptError, match="is not done after"):
            client.wait(0.2)
    assert "is told to stop" in client.cancel()
    assert client.wait(JOB_S).state == AdaptStatus.STATE_CANCELED
    assert list(client.status().versions) == ["base", "v0001"]


def test_a_request_has_every_field_of_the_message() -> None:
    request = AdaptRequest(
        bags=["bag"],
        iterations=7,
        time_budget_s=1.5,
        topic="/front",
        source="sim",
        options={"lplr": "off"},
        auto_activate=False,
        modality="depth",
        start_s=1.0,
        end_s=9.5,
        frame_stride=3,
        resume_job_id="20260131-120000",
    )
    message, empty = request.to_message(), AdaptJob()
    unset = [name for name in AdaptJob.get_fields_and_field_types() if getattr(message, name) == getattr(empty, name)]
    assert not unset
    assert (message.time_budget.sec, message.time_budget.nanosec) == (1, 500_000_000)
    assert [(option.key, option.value) for option in message.options] == [("lplr", "off")]
    assert AdaptRequest().to_message() == AdaptJob(frame_stride=1)


def test_the_example_of_the_documentation_fits_the_client(ros, monkeypatch, capsys) -> None:
    (example,) = re.findall(r"```python\n(.*?)```", DOCS.read_text(), re.DOTALL)

    def adapt(*_: object, on_progress: Callable[[AdaptProgress], object], **__: object) -> AdaptAction.Result:
        on_progress(AdaptProgress(iteration=7))
        return AdaptAction.Result(state=AdaptStatus.STATE_NOT_ACTIVATED, message="did not pass the gate")

    stand_in = create_autospec(AdaptClient)
    stand_in.return_value.adapt.side_effect = adapt
    monkeypatch.setattr("madm_ros.adapt.client.AdaptClient", stand_in)
    exec(example, {})
    assert capsys.readouterr().out.split("\n") == ["7", "did not pass the gate", ""]
    stand_in.return_value.close.assert_called_once_with()


def test_a_server_that_is_not_there_is_one_clear_error(ros) -> None:
    client = AdaptClient("/nobody", timeout_s=0.2, context=ros)
    for call in (client.status, client.cancel, lambda: client.adapt(AdaptRequest(["bag"], 1))):
        with pytest.raises(AdaptError, match="no adaptation server answers in /nobody"):
            call()
    with pytest.raises(AdaptError, match="no job was started"):
        client.wait()
    client.close()
