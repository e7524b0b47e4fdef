# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""The adaptation server: a robot's recordings in, a better model version out, while segmentation goes on.

    madm/adapt            service and action: start a job
    madm/adapt/status     what it does, transient local
    madm/adapt/cancel     service: stop the running job, which can be resumed
    madm/activate         service: make a version the active one, which a job has only kept, say
    madm/rollback         service: make an earlier version the active one

The work is done by a process of its own (`AdaptJobs`); the versions are in a store that the segmentation node follows.
"""

from __future__ import annotations

import os
import threading
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from diagnostic_msgs.msg import DiagnosticArray
from madm_msgs.msg import AdaptJob, AdaptStatus
from madm_msgs.srv import Activate, Adapt, Rollback
from rclpy.callback_groups import MutuallyExclusiveCallbackGroup
from rclpy.clock import Clock, ClockType
from rclpy.executors import MultiThreadedExecutor
from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy
from std_srvs.srv import Trigger

from madm_model.adaptation.data.source_frames import labelled_files
from madm_model.checkpoint.model_names import resolve_model
from madm_model.distillation.student_choice import choose_student
from madm_model.jobs.gate import GateConfig
from madm_model.jobs.lock import JobRuns
from madm_model.jobs.request import RequestError
from madm_model.jobs.settings import wants_student
from madm_model.jobs.state import State
from madm_model.model_config import ModelConfig
from madm_model.settings import read_settings
from madm_model.store import Snapshot, StoreError, VersionStore
from madm_ros.adapt import parameters as adapt_parameters
from madm_ros.adapt.frame_rates import FrameRates
from madm_ros.adapt.goals import AdaptGoals
from madm_ros.adapt.jobs import AdaptJobs
from madm_ros.adapt.messages import to_job, to_request, to_status, to_text
from madm_ros.adapt.on_shift import OnShift
from madm_ros.adapt.peers import Followers, RivalWatch
from madm_ros.adapt.report import missing_roots, progress_line, ready_line, server_status
from madm_ros.diagnostic_reports import DiagnosticsPublisher
from madm_ros.running import ros_process

_PROGRESS_PERIOD_S, _LOG_PERIOD_S = 0.25, 30.0

SwitchResponse = TypeVar("SwitchResponse", Activate.Response, Rollback.Response)


class AdaptServer(Node):
    """Starts jobs, one at a time, and tells how they stand.

    Args:
        arguments: of Node, such as parameter_overrides.

    Raises:
        ValueError: a parameter has a wrong value.
        ModelError: there is no such base, or no such student.
        InputError: there are no labelled frames where it was told that they are.
        StoreError: the store cannot be written to.
    """

    def __init__(self, **arguments: Any) -> None:
        super().__init__("adapt_server", **arguments)
        self._settings = adapt_parameters.declare(self)
        base = resolve_model(self._settings.model).absolute()
        # What jobs could not start from, make or write to is told before anyone asks for one.
        read_settings(GateConfig, self._settings.gate).protected(ModelConfig.load(base).label_set)
        if self._settings.labelled_target:
            labelled_files(Path(self._settings.labelled_target))
        if wants_student(self._settings.student):
            choose_student(self._settings.student)
        self._store = VersionStore(self._settings.store, base, self._settings.keep)
        self._store.prepare()
        self._rates, self._followers = FrameRates(), Followers(self._store.root)
        self._telling = threading.RLock()  # guards what follows
        self._job_id, self._job_message, self._cost = "", AdaptJob(), ""
        self._told_progress, self._logged_progress, self._told_snapshot = 0.0, 0.0, Snapshot("", Path(), ())
        latched = QoSProfile(
            depth=1, reliability=ReliabilityPolicy.RELIABLE, durability=DurabilityPolicy.TRANSIENT_LOCAL
        )
        self._status = self.create_publisher(AdaptStatus, "adapt/status", latched)
        self._rivals, self._rival = RivalWatch(self, self._status.topic_name), ""
        self._told_followers: list[str] | None = None
        self._jobs = AdaptJobs(
            self._store,
            self._settings.bag_roots,
            self._settings.cancel_grace_s,
            self._on_change,
            self._log_info,
            self._log_error,
        )
        self._on_shift = OnShift(
            self._settings.on_shift,
            self._store.root,
            self._settings.recordings,
            self._start,
            self._log_info,
            self._log_warning,
        )
        own = MutuallyExclusiveCallbackGroup
        switching = own()
        self.create_service(Adapt, "adapt", self._on_adapt, callback_group=own())
        self.create_service(Trigger, "adapt/cancel", self._on_cancel, callback_group=own())
        self.create_service(Activate, "activate", self._on_activate, callback_group=switching)
        self.create_service(Rollback, "rollback", self._on_rollback, callback_group=switching)
        self._goals = AdaptGoals(self, self._jobs, self._store, self._start)
        self.create_subscription(DiagnosticArray, "/diagnostics", self._on_diagnostics, 10, callback_group=own())
        self._diagnostics = DiagnosticsPublisher(self)
        self._publish_status()
        self.create_timer(1.0, self._watch, callback_group=own(), clock=Clock(clock_type=ClockType.STEADY_TIME))

        roots, active = self._settings.bag_roots, self._told_snapshot.active
        ready = to_text(ready_line(self._settings.modality, self._store.root, active, roots))
        if roots and not missing_roots(roots):
            self.get_logger().info(ready)
        else:
            self.get_logger().warning(ready)

    def destroy_node(self) -> None:
        """Stop a running job; it can be resumed."""
        if hasattr(self, "_goals"):  # else what was given at start was refused
            self._jobs.close()
            self._goals.close()
        super().destroy_node()

    def _on_diagnostics(self, message: DiagnosticArray) -> None:
        self._rates.note(message)
        self._followers.note(message)
        self._on_shift.note(message)

    # ---- requests ----

    def _on_adapt(self, request: Adapt.Request, response: Adapt.Response) -> Adapt.Response:
        response.accepted, message, response.job_id = self._start(request.job)
        response.message = to_text(message)
        return response

    def _on_rollback(self, request: Rollback.Request, response: Rollback.Response) -> Rollback.Response:
        return self._switch(lambda: self._store.rollback(request.version), response)

    def _on_activate(self, request: Activate.Request, response: Activate.Response) -> Activate.Response:
        return self._switch(lambda: self._store.activate(request.version or self._store.newest()), response)

    def _switch(self, change: Callable[[], Snapshot], response: SwitchResponse) -> SwitchResponse:
        """Make another version the active one; what goes wrong is the answer."""
        try:
            if self._rival:
                raise StoreError(self._rival)
            snapshot = change()
            said = "; ".join(filter(None, (f"{snapshot.active} is active", self._followers.advice())))
            response.success, response.message = True, to_text(said)
        except Exception as error:
            if not isinstance(error, StoreError):
                self._log_error(traceback.format_exc())
            snapshot = self._store.read()
            response.success, response.message = False, to_text(str(error))
        response.active_version = snapshot.active
        self._publish_status()
        return response

    def _on_cancel(self, _request: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        try:
            job_id = self._jobs.cancel()
        except (RequestError, OSError) as error:
            response.message = to_text(str(error))
            return response
        response.success = bool(job_id)
        standing = self._jobs.standing()
        if job_id:
            response.message = f"job {job_id} is told to stop; it can be resumed"
        elif standing.is_busy:
            response.message = f"job {standing.job_id} is only being started: try again"
        else:
            response.message = "no job is running"
        return response

    def _start(self, job: AdaptJob) -> tuple[bool, str, str]:
        """Accept a job or refuse it, in less than 100 ms: (accepted, message, job id)."""
        with self._telling:  # nothing is told of the job before its message is there
            try:
                if self._rival:
                    raise RequestError(self._rival)
                if job.resume_job_id:
                    resumed = to_job(self._jobs.request_of(job.resume_job_id))
                    job_id, message = self._jobs.resume(job.resume_job_id)
                    job = resumed
                else:
                    fields = self._settings.job_fields(self._store.base)
                    request = to_request(job, self._settings.modality, self._settings.preprocessing, **fields)
                    job_id, message = self._jobs.start(request)
            except JobRuns as error:
                return False, str(error), error.job_id
            except (RequestError, ValueError, OSError) as error:
                return False, str(error), ""
            except Exception as error:  # no request may end the server, which would end a running job
                self._log_error(traceback.format_exc())
                return False, f"the request cannot be used ({type(error).__name__}: {error})", ""
            self._job_id, self._job_message, self._cost = job_id, job, ""
            self._rates.begin()
        return True, message, job_id

    # ---- telling ----

    def _on_change(self, is_state: bool) -> None:
        """A job has a new state, or has made progress, which is told a few times a second."""
        now = time.monotonic()
        with self._telling:
            standing = self._jobs.standing()
            if is_state and not standing.is_busy:
                self._cost = self._rates.end()
                if standing.state.state == State.ACTIVATED and self._followers.advice():
                    self.get_logger().warning(to_text(f"a new version is active, but {self._followers.advice()}"))
            if not is_state and now - self._told_progress < _PROGRESS_PERIOD_S:
                return
            self._told_progress = now
            if not is_state and now - self._logged_progress > _LOG_PERIOD_S:
                self._logged_progress = now
                self._log_info(progress_line(standing))
        self._publish_status()

    def _watch(self) -> None:
        """Once a second: has a job ended that is not this server's, or has someone else changed the store?"""
        try:
            self._jobs.watch()
        except OSError as error:  # looked at again in a second
            self.get_logger().error(to_text(f"the store cannot be watched: {error}"), throttle_duration_sec=30.0)
        self._rival = self._rivals.complaint()
        if self._rival:
            self.get_logger().error(self._rival, throttle_duration_sec=30.0)
        self._tell_followers()
        snapshot = self._store.read()
        self._publish_diagnostics(snapshot, self._on_shift.watch(self._jobs.standing().is_busy))
        if snapshot != self._told_snapshot:
            self._publish_status()

    def _tell_followers(self) -> None:
        """Say on the console and in the status who follows the store, whenever that changes."""
        names = self._followers.names()
        if names == self._told_followers or (not names and self._told_followers is None):
            return
        self._told_followers = names
        if names:
            self._log_info(f"{self._store.root} is followed by {', '.join(names)}")
        else:
            self.get_logger().warning(to_text(self._followers.advice()))
        self._publish_status()

    def _publish_diagnostics(self, snapshot: Snapshot, advice: str) -> None:
        status = server_status(
            self.get_fully_qualified_name(),
            self._jobs.standing(),
            snapshot,
            self._settings.bag_roots,
            self._followers.names(),
            self._rival,
            advice,
        )
        status.hardware_id = to_text(str(self._store.root))
        self._diagnostics.publish(status)

    def _publish_status(self) -> None:
        try:
            self._publish_the_status()
        except Exception:  # the job goes on and the server too, whatever cannot be told
            self.get_logger().error(to_text(traceback.format_exc()), throttle_duration_sec=30.0)

    def _publish_the_status(self) -> None:
        snapshot = self._store.read()
        with self._telling:
            standing, self._told_snapshot = self._jobs.standing(), snapshot
            if standing.job_id != self._job_id:  # one that this server has not started
                self._job_id, self._job_message = standing.job_id, self._job_of(standing.job_id)
                self._cost = ""
            unheard = self._followers.advice() if standing.state.state == State.ACTIVATED else ""
            said = standing.state.message, snapshot.note, self._cost, unheard
            status = to_status(
                standing, self._job_message, snapshot, self._followers.names(), "; ".join(filter(None, said))
            )
            status.header.stamp = self.get_clock().now().to_msg()
            if self.context.ok():  # after an interrupt nobody can be told any more
                self._status.publish(status)

    def _job_of(self, job_id: str) -> AdaptJob:
        """What a job was asked; an empty message if that cannot be read."""
        try:
            return to_job(self._jobs.request_of(job_id))
        except Exception as error:  # of another release, say
            self._log_error(f"job {job_id} is told of without its request: {error}")
            return AdaptJob()

    def _log_info(self, text: str) -> None:
        self.get_logger().info(to_text(text))

    def _log_warning(self, text: str) -> None:
        self.get_logger().warning(to_text(text))

    def _log_error(self, text: str) -> None:
        self.get_logger().error(to_text(text))


def main(args: list[str] | None = None) -> None:
    """Entry point of the executable `adapt_server`."""
    with ros_process("adapt_server", args) as nodes:
        node = AdaptServer()
        nodes.append(node)
        # A goal keeps its thread to its end; the others are for services and a goal that is refused meanwhile.
        executor = MultiThreadedExecutor(max(4, os.cpu_count() or 1))
        executor.add_node(node)
        executor.spin()


if __name__ == "__main__":
    main()
