# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""Adaptation from a Python program: start a job, wait for it, cancel it, choose the version that runs.

client = AdaptClient()
request = AdaptRequest(["/data/bags/today"], time_budget_s=600)
result = client.adapt(request, on_progress=lambda progress: print(progress.iteration))
if result.state != AdaptStatus.STATE_ACTIVATED:
    print(result.message)
client.close()
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import rclpy
from diagnostic_msgs.msg import KeyValue
from madm_msgs.action import Adapt as AdaptAction
from madm_msgs.msg import AdaptJob, AdaptProgress, AdaptStatus
from madm_msgs.srv import Activate, Rollback
from rclpy.action import ActionClient
from rclpy.executors import SingleThreadedExecutor
from rclpy.qos import DurabilityPolicy, QoSProfile
from rclpy.task import Future
from std_srvs.srv import Trigger

from madm_ros.adapt.messages import to_duration

OnProgress = Callable[[AdaptProgress], object]

_STEP_S = 0.1


@dataclass(frozen=True)
class AdaptRequest:
    """What a job is asked: the fields of `madm_msgs/msg/AdaptJob`, which says more about each."""

    bags: Sequence[str] = ()
    """Recordings, by their paths on the server's machine."""
    iterations: int = 0
    """Optimiser steps; 0: as many as fit into the time budget."""
    time_budget_s: float = 0.0
    """Seconds of training at most; 0 for no limit."""
    topic: str = ""
    """Topic of the sensor in the recordings; empty: the only one of a supported type."""
    source: str = ""
    """Folders with images/ and labels/, "sim", "sim-sensor" or "replay", separated by colons, with =SHARE or without;
    empty: the server's."""
    options: Mapping[str, str] = field(default_factory=dict)
    """Settings by their dotted names."""
    auto_activate: bool = True
    """Whether a version that passes the gate becomes the active one."""
    modality: str = ""
    """Empty: the server's."""
    start_s: float = 0.0
    """Seconds from the first message of each recording from which on it is used."""
    end_s: float = 0.0
    """Up to where; 0: to its end."""
    frame_stride: int = 1
    """Use every n-th frame."""
    resume_job_id: str = ""
    """Job to take up where it stopped; nothing else counts then."""

    def to_message(self) -> AdaptJob:
        """The message of the service and the action."""
        return AdaptJob(
            bag_uris=list(self.bags),
            topic=self.topic,
            modality=self.modality,
            start_s=float(self.start_s),
            end_s=float(self.end_s),
            frame_stride=self.frame_stride,
            iterations=self.iterations,
            time_budget=to_duration(self.time_budget_s),
            source=self.source,
            options=[KeyValue(key=key, value=value) for key, value in self.options.items()],
            auto_activate=self.auto_activate,
            resume_job_id=self.resume_job_id,
        )


class AdaptError(Exception):
    """The server is not there, or has refused; the message says why."""


class AdaptClient:
    """Talks to one adaptation server. Calls wait for the answer; use it from one thread.

    Args:
        namespace: of the server.
        timeout_s: seconds the server has to be found and to answer.
        context: of rclpy; None for the default one, which is initialised where it is not yet.
    """

    def __init__(self, namespace: str = "/madm", timeout_s: float = 10.0, context: Any = None) -> None:
        self._own_context = context is None and not rclpy.ok()
        if self._own_context:
            rclpy.init()
        self._timeout_s, self._status = timeout_s, AdaptStatus()
        self._node = rclpy.create_node("adapt_client", namespace=namespace, context=context)
        self._executor = SingleThreadedExecutor(context=context)
        self._executor.add_node(self._node)
        self._action = ActionClient(self._node, AdaptAction, "adapt")
        latched = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)
        self._node.create_subscription(AdaptStatus, "adapt/status", self._on_status, latched)
        self._goal: Any = None

    def close(self) -> None:
        """Leave; a job goes on."""
        self._action.destroy()
        self._executor.shutdown()
        self._node.destroy_node()
        if self._own_context:
            rclpy.try_shutdown()

    def adapt(self, request: AdaptRequest, on_progress: OnProgress | None = None) -> AdaptAction.Result:
        """Run a job to its end: `start`, then `wait`."""
        self.start(request, on_progress)
        return self.wait()

    def start(self, request: AdaptRequest, on_progress: OnProgress | None = None) -> None:
        """Ask for a job; a refusal is told by `wait`.

        Args:
            request: what is asked.
            on_progress: called while `wait` waits.

        Raises:
            AdaptError: the server is not there.
        """
        self._await(self._action.server_is_ready)

        def on_feedback(message: Any) -> None:
            if on_progress is not None:
                on_progress(message.feedback.progress)

        goal = AdaptAction.Goal(job=request.to_message())
        self._goal = self._finish(self._action.send_goal_async(goal, on_feedback))

    def wait(self, timeout_s: float | None = None) -> AdaptAction.Result:
        """How the job that was started has ended: its state is one of AdaptStatus.STATE_*.

        Args:
            timeout_s: seconds to wait at most; None for as long as it takes.

        Raises:
            AdaptError: no job was started, it is not done in time, or the server is gone.
        """
        if self._goal is None:
            raise AdaptError("no job was started by this client: call start first")
        future, gone_since = self._goal.get_result_async(), None
        started = time.monotonic()
        while not future.done():
            self._executor.spin_once(timeout_sec=_STEP_S)
            now = time.monotonic()
            if timeout_s is not None and now - started > timeout_s:
                raise AdaptError(f"the job is not done after {timeout_s:g} s: wait again, or cancel it")
            gone_since = None if self._action.server_is_ready() else gone_since or now
            if gone_since and now - gone_since > self._timeout_s:
                raise AdaptError("the adaptation server is gone: start it again, then resume the job")
        return future.result().result

    def cancel(self) -> str:
        """Stop the running job, whoever started it; gives what the server says.

        Raises:
            AdaptError: none runs, or it cannot be reached.
        """
        return self._call(Trigger, "adapt/cancel", Trigger.Request()).message

    def activate(self, version: str = "") -> str:
        """Make a version the active one, by default the newest; gives its name.

        Raises:
            AdaptError: there is no such version, or its files are damaged.
        """
        return self._call(Activate, "activate", Activate.Request(version=version)).active_version

    def rollback(self, version: str = "") -> str:
        """Make an earlier version the active one, by default the one before; gives its name.

        Raises:
            AdaptError: there is none to go back to.
        """
        return self._call(Rollback, "rollback", Rollback.Request(version=version)).active_version

    def status(self) -> AdaptStatus:
        """What the server does, its versions, and who follows its store.

        Raises:
            AdaptError: the server is not there.
        """
        self._await(lambda: self._status.active_version)
        seen = None
        while seen is not self._status:  # all that have come meanwhile
            seen = self._status
            self._executor.spin_once(timeout_sec=_STEP_S)
        return self._status

    def _on_status(self, status: AdaptStatus) -> None:
        self._status = status

    def _call(self, kind: Any, name: str, request: Any) -> Any:
        client = self._node.create_client(kind, name)
        try:
            self._await(client.service_is_ready)
            response = self._finish(client.call_async(request))
        finally:
            self._node.destroy_client(client)
        if not response.success:
            raise AdaptError(response.message)
        return response

    def _finish(self, future: Future) -> Any:
        self._await(future.done)
        return future.result()

    def _await(self, condition: Callable[[], object]) -> None:
        deadline = time.monotonic() + self._timeout_s
        while not condition():
            if time.monotonic() > deadline:
                where = self._node.get_namespace()
                raise AdaptError(
                    f"no adaptation server answers in {where} within {self._timeout_s:g} s: is it running?"
                )
            self._executor.spin_once(timeout_sec=_STEP_S)
