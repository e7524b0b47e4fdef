"""The adaptation server: a robot's recordings in, a better model version out, while segmentation goes on.

    madm/adapt            service and action: start a job
    madm/adapt/status     what it does, transient local
    madm/rollback         service: make an earlier version the active one

The work is done by a process of its own (`JobProcess`); the versions are in a store that the segmentation node follows.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import TimeoutError as Unfinished
from functools import partial
from pathlib import Path
from typing import Any

import rclpy
from madm_msgs.action import Adapt as AdaptAction
from madm_msgs.msg import AdaptJob, AdaptStatus
from madm_msgs.srv import Adapt, Rollback
from rclpy.action import ActionServer, CancelResponse
from rclpy.action.server import ServerGoalHandle
from rclpy.callback_groups import MutuallyExclusiveCallbackGroup, ReentrantCallbackGroup
from rclpy.clock import Clock, ClockType
from rclpy.executors import ExternalShutdownException, MultiThreadedExecutor
from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy

from madm_model.adaptation.job_request import (
    CANCELED,
    FAILED,
    INTERRUPTED,
    PREPARING,
    RESUMABLE_STATES,
    RUNNING_STATES,
    JobFolder,
    JobRequest,
    JobState,
    RequestError,
    check_path,
    check_request,
    running_job,
)
from madm_model.adaptation.source_frames import SIMULATED_STREETS
from madm_model.checkpoint.model_folder import resolve_model
from madm_model.io.bag_storage import standard_types
from madm_model.store import Snapshot, StoreError, VersionStore
from madm_ros import adapt_parameters
from madm_ros.adapt_messages import STATES, to_progress, to_request
from madm_ros.job_process import LOG_FILE, JobProcess

_CHECK_S = 0.06
"""How long a request is checked before it is answered; what takes longer is checked by the job."""
_PROGRESS_PERIOD_S = 0.25
_END_TIMEOUT_S = 10.0


class AdaptServer(Node):
    """Starts jobs, one at a time, and tells how they stand.

    Args:
        arguments: of Node, such as parameter_overrides.

    Raises:
        ValueError: a parameter has a wrong value.
    """

    def __init__(self, **arguments: Any) -> None:
        super().__init__("adapt_server", **arguments)
        self._settings = adapt_parameters.declare(self)
        base = resolve_model(self._settings.model).absolute()
        self._store = VersionStore(self._settings.store, base, self._settings.keep)
        self._changed = threading.Condition()  # guards what follows
        self._process: JobProcess | None = None
        self._launcher: threading.Thread | None = None
        self._job_id, self._state, self._event = "", JobState(state=""), {}
        self._job_message = AdaptJob()
        self._told_progress, self._told_snapshot = 0.0, Snapshot("", Path(), ())
        self._checks = ThreadPoolExecutor(1, "request check")
        self._checks.submit(standard_types)  # parses all message definitions the first time
        latched = QoSProfile(
            depth=1, reliability=ReliabilityPolicy.RELIABLE, durability=DurabilityPolicy.TRANSIENT_LOCAL
        )
        self._status = self.create_publisher(AdaptStatus, "adapt/status", latched)
        self._find_last_job()
        own = MutuallyExclusiveCallbackGroup
        self.create_service(Adapt, "adapt", self._on_adapt, callback_group=own())
        self.create_service(Rollback, "rollback", self._on_rollback, callback_group=own())
        self._action = ActionServer(
            self,
            AdaptAction,
            "adapt",
            self._on_goal,
            cancel_callback=lambda _: CancelResponse.ACCEPT,
            callback_group=ReentrantCallbackGroup(),
        )
        self._publish_status()
        self.create_timer(1.0, self._watch, callback_group=own(), clock=Clock(clock_type=ClockType.STEADY_TIME))

    def destroy_node(self) -> None:
        """Stop a running job; it can be resumed."""
        if self._launcher is not None:
            self._launcher.join()
        with self._changed:
            process = self._process
        if process is not None:
            process.end(_END_TIMEOUT_S)
        self._checks.shutdown(cancel_futures=True)
        self._action.destroy()
        super().destroy_node()

    # ---- requests ----

    def _on_adapt(self, request: Adapt.Request, response: Adapt.Response) -> Adapt.Response:
        response.accepted, response.message, response.job_id = self._start(request.job)
        return response

    def _on_rollback(self, request: Rollback.Request, response: Rollback.Response) -> Rollback.Response:
        try:
            snapshot = self._store.rollback(request.version)
            response.success, response.message = True, f"{snapshot.active} is active"
        except StoreError as error:
            snapshot = self._store.read()
            response.success, response.message = False, str(error)
        response.active_version = snapshot.active
        self._publish_status()
        return response

    def _on_goal(self, goal: ServerGoalHandle) -> AdaptAction.Result:
        """Run a goal to its end, in a thread of the executor."""
        accepted, message, job_id = self._start(goal.request.job)
        if not accepted:
            goal.abort()
            return AdaptAction.Result(
                state=AdaptStatus.STATE_FAILED, message=message, active_version=self._store.read().active
            )
        seen: dict[str, Any] = {}
        asked_to_stop = False
        while True:
            with self._changed:
                self._changed.wait(0.1)
                event, busy, state, process = self._event, self._is_busy(), self._state, self._process
            if goal.is_cancel_requested and process is not None and not asked_to_stop:
                process.cancel()
                asked_to_stop = True
            if event and event is not seen:
                seen = event
                goal.publish_feedback(AdaptAction.Feedback(progress=to_progress(event)))
            if not busy:
                break
        if goal.is_cancel_requested and state.state == CANCELED:
            goal.canceled()
        elif state.state in (FAILED, INTERRUPTED, CANCELED):
            goal.abort()
        else:
            goal.succeed()
        return AdaptAction.Result(
            state=STATES[state.state],
            message=state.message,
            job_id=job_id,
            new_version=state.new_version,
            active_version=self._store.read().active,
            report_uri=_uri(state.report),
        )

    def _start(self, job: AdaptJob) -> tuple[bool, str, str]:
        """Accept a job or refuse it, in less than 100 ms: (accepted, message, job id)."""
        with self._changed:
            running = self._job_id if self._is_busy() else running_job(self._store.root)
            if running:
                return False, f"job {running} is running: wait for its end, or cancel it", running
            try:
                folder, message, write = self._resumed(job) if job.resume_job_id else self._new_job(job)
            except (RequestError, ValueError, OSError) as error:
                return False, str(error), ""
            self._job_id, self._job_message, self._event = folder.job_id, job, {}
            self._state = JobState(PREPARING, message)
            # The disk may be slow: the answer does not wait for it.
            self._launcher = threading.Thread(target=self._launch, args=(folder, write), daemon=True)
            self._launcher.start()
        self.get_logger().info(f"job {folder.job_id}: {message}")
        return True, message, folder.job_id

    def _new_job(self, job: AdaptJob) -> tuple[JobFolder, str, Callable[[], object]]:
        settings = self._settings
        request = to_request(job, settings.modality, settings.preprocessing, **settings.job_fields(self._store.base))
        paths = [*request.target.bags, *([] if request.source in SIMULATED_STREETS else [request.source])]
        for path in paths:
            check_path(Path(path), settings.bag_roots)
        message = "accepted"
        try:
            self._checks.submit(check_request, request, self._store, settings.bag_roots).result(_CHECK_S)
        except (Unfinished, TimeoutError):
            message = "accepted; the recordings are still being checked"
        folder = JobFolder.reserve(self._store.root)
        return folder, message, partial(folder.write_request, request)

    def _resumed(self, job: AdaptJob) -> tuple[JobFolder, str, Callable[[], object]]:
        folder = JobFolder(self._store.root, job.resume_job_id)
        request: JobRequest = folder.request()
        for path in (*request.target.bags, *([] if request.source in SIMULATED_STREETS else [request.source])):
            check_path(Path(path), self._settings.bag_roots)
        if (state := folder.state().state) not in RESUMABLE_STATES:
            raise RequestError(f"job {job.resume_job_id} has ended ({state}): start a new one")
        return folder, f"resuming job {job.resume_job_id}", partial(folder.update, state=PREPARING)

    def _launch(self, folder: JobFolder, write: Callable[[], object]) -> None:
        try:
            write()
            process = JobProcess(self._store.root, folder.job_id, self._on_event, self._on_exit)
        except OSError as error:
            self._finish(FAILED, f"the job cannot be started: {error}")
            return
        with self._changed:
            # It may have ended already: then nobody waits for it any more.
            self._process = process if self._is_busy() else None
        self._publish_status()

    # ---- what the job tells ----

    def _is_busy(self) -> bool:
        return self._state.state in RUNNING_STATES

    def _on_event(self, event: dict[str, Any]) -> None:
        with self._changed:
            if event["event"] == "state" and event["state"] in RUNNING_STATES:
                self._state = JobState(event["state"], event["message"])
            elif event["event"] == "progress":
                self._event = event
            self._changed.notify_all()
        now = time.monotonic()
        if event["event"] == "state" or now - self._told_progress > _PROGRESS_PERIOD_S:
            self._told_progress = now
            self._publish_status()

    def _on_exit(self, status: int) -> None:
        """The process is gone: its folder says how it ended, unless it could not."""
        state = JobFolder(self._store.root, self._job_id).state()
        if state.state in RUNNING_STATES and self._process is not None and self._process.canceled:
            self._finish(CANCELED, "canceled before training began; it can be resumed")
        elif state.state in RUNNING_STATES:
            how = f"was ended by signal {-status}" if status < 0 else f"ended with status {status}"
            log = self._store.root / "jobs" / self._job_id / LOG_FILE
            self._finish(INTERRUPTED, f"the job's process {how}; it can be resumed ({log})")
        else:
            self._finish(state.state, state.message, state)

    def _finish(self, state: str, message: str, kept: JobState | None = None) -> None:
        if kept is None:
            _keep(JobFolder(self._store.root, self._job_id), state, message)
        with self._changed:
            self._state = kept or JobState(state, message)
            self._process = None
            self._changed.notify_all()
        log = self.get_logger()
        (log.error if state in (FAILED, INTERRUPTED) else log.info)(f"job {self._job_id} {state}: {message}")
        self._publish_status()

    def _find_last_job(self) -> None:
        """After a start: how the last job of this store ended, or that it was cut off."""
        jobs = sorted(path for path in (self._store.root / "jobs").glob("[!.]*") if path.is_dir())
        if not jobs:
            return
        folder = JobFolder(self._store.root, jobs[-1].name)
        if folder.state().state in RUNNING_STATES and not running_job(self._store.root):
            _keep(folder, INTERRUPTED, "the job was cut off; it can be resumed")
        # One that still runs was started by a server before this one, or by hand; `_watch` sees its end.
        self._job_id, self._state = folder.job_id, folder.state()
        self._event = dict(self._state.progress)

    def _watch(self) -> None:
        """Once a second: has a job ended that is not this server's, or has someone else changed the store?"""
        with self._changed:
            launching = self._launcher is not None and self._launcher.is_alive()
            is_foreign = self._is_busy() and self._process is None and not launching
        if is_foreign and not running_job(self._store.root):
            self._on_exit(0)
        elif self._store.read() != self._told_snapshot:
            self._publish_status()

    def _publish_status(self) -> None:
        snapshot = self._store.read()
        with self._changed:
            state, self._told_snapshot = self._state, snapshot
            status = AdaptStatus(
                state=STATES.get(state.state, AdaptStatus.STATE_IDLE),
                job_id=self._job_id,
                message=" ".join(filter(None, (state.message, snapshot.note))),
                job=self._job_message,
                progress=to_progress(self._event),
                new_version=state.new_version,
                active_version=snapshot.active,
                versions=list(snapshot.versions),
                report_uri=_uri(state.report),
            )
            status.header.stamp = self.get_clock().now().to_msg()
            if self.context.ok():  # after an interrupt nobody can be told any more
                self._status.publish(status)


def _keep(folder: JobFolder, state: str, message: str) -> None:
    try:
        folder.update(state=state, message=message)
    except OSError as error:
        rclpy.logging.get_logger("adapt_server").error(f"{folder.path} cannot be written: {error}")


def _uri(path: str) -> str:
    return Path(path).absolute().as_uri() if path else ""


def main(args: list[str] | None = None) -> None:
    """Entry point of the executable `adapt_server`."""
    rclpy.init(args=args)
    node = AdaptServer()
    # A goal keeps its thread to its end; the others are for services and a goal that is refused meanwhile.
    executor = MultiThreadedExecutor(max(4, os.cpu_count() or 1))
    executor.add_node(node)
    try:
        executor.spin()
    except (KeyboardInterrupt, ExternalShutdownException):
        pass
    finally:
        node.destroy_node()
        rclpy.try_shutdown()


if __name__ == "__main__":
    main()
