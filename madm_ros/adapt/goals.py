# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""The action `adapt`: a goal is a job, whose progress its client hears and which it may cancel."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from madm_msgs.action import Adapt as AdaptAction
from madm_msgs.msg import AdaptJob, AdaptStatus
from rclpy.action import ActionServer, CancelResponse
from rclpy.action.server import ServerGoalHandle
from rclpy.callback_groups import ReentrantCallbackGroup
from rclpy.node import Node

from madm_model.jobs.state import State
from madm_model.store import VersionStore
from madm_ros.adapt.jobs import AdaptJobs
from madm_ros.adapt.messages import STATES, to_progress, to_text, to_uri

_FEEDBACK_PERIOD_S = 1.0


class AdaptGoals:
    """Runs goals to their end, each in a thread of the executor.

    Args:
        node: owns the action server.
        jobs: of the store.
        store: with the versions.
        start: accepts a job or refuses it: (accepted, message, job id).
    """

    def __init__(
        self, node: Node, jobs: AdaptJobs, store: VersionStore, start: Callable[[AdaptJob], tuple[bool, str, str]]
    ) -> None:
        self._jobs, self._store, self._start = jobs, store, start
        self._action = ActionServer(
            node,
            AdaptAction,
            "adapt",
            self._run,
            cancel_callback=lambda _: CancelResponse.ACCEPT,
            callback_group=ReentrantCallbackGroup(),
        )

    def close(self) -> None:
        """Take no more goals."""
        self._action.destroy()

    def _run(self, goal: ServerGoalHandle) -> AdaptAction.Result:
        accepted, message, job_id = self._start(goal.request.job)
        if not accepted:
            goal.abort()
            return AdaptAction.Result(
                state=AdaptStatus.STATE_FAILED, message=to_text(message), active_version=self._store.read().active
            )
        self._wait(goal, job_id)
        state = self._jobs.state_of(job_id)
        if goal.is_cancel_requested and state.state == State.CANCELED:
            goal.canceled()
        elif state.state in (State.FAILED, State.INTERRUPTED, State.CANCELED):
            goal.abort()
        else:
            goal.succeed()
        return AdaptAction.Result(
            state=STATES[state.state],
            message=to_text(state.message),
            job_id=job_id,
            new_version=state.new_version,
            active_version=self._store.read().active,
            report_uri=to_uri(state.report),
        )

    def _wait(self, goal: ServerGoalHandle, job_id: str) -> None:
        """Until the job has ended; tells its progress and hands a cancellation on."""
        told, asked_to_stop = 0.0, False
        seen: Any = {}
        while (standing := self._jobs.standing(0.1)).is_busy and standing.job_id == job_id:
            if goal.is_cancel_requested and not asked_to_stop:
                asked_to_stop = bool(self._jobs.cancel())
            now = time.monotonic()
            # Also in the gate, where there is none that is new.
            if standing.progress and (standing.progress is not seen or now - told > _FEEDBACK_PERIOD_S):
                seen, told = standing.progress, now
                goal.publish_feedback(AdaptAction.Feedback(progress=to_progress(seen)))
