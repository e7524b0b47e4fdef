# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""The one job of a store: started, resumed, watched, ended. Knows processes and folders, but no messages."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from madm_model.jobs.lock import JobRuns, RunningJob, refuse_second_job, running_job, stop_running_job
from madm_model.jobs.request import JobFolder, JobRequest, RequestError, job_ids
from madm_model.jobs.state import JobState, State
from madm_model.store import VersionStore
from madm_ros.adapt.admission import Admitted, admit, admit_again
from madm_ros.adapt.job_process import LOG_FILE, JobProcess
from madm_ros.adapt.standing import Standing

_END_TIMEOUT_S = 6.0
"""Less than the 10 s after which `ros2 launch` kills a node that does not end."""


class AdaptJobs:
    """Runs jobs on a store, one at a time; a job that another process runs there is respected.

    Args:
        store: where the versions go.
        bag_roots: folders that recordings and sources may lie in.
        cancel_grace_s: seconds a canceled job has to end by itself; then it is killed.
        on_change: called after every change, from any thread, with true for a new state and false for progress.
        log_info: writes one line.
        log_error: writes one line.
    """

    def __init__(
        self,
        store: VersionStore,
        bag_roots: Sequence[Path],
        cancel_grace_s: float,
        on_change: Callable[[bool], object],
        log_info: Callable[[str], object],
        log_error: Callable[[str], object],
    ) -> None:
        self._store, self._bag_roots, self._cancel_grace_s = store, bag_roots, cancel_grace_s
        self._on_change, self._log_info, self._log_error = on_change, log_info, log_error
        self._changed = threading.Condition()  # guards what follows
        self._standing = Standing()
        self._process: JobProcess | None = None
        self._launcher: threading.Thread | None = None
        self._told_end: JobState | None = None
        self._killed = ""  # a job of another process
        self._find_last_job()

    def standing(self, timeout_s: float = 0.0) -> Standing:
        """How the job stands, at the next change or after a while."""
        with self._changed:
            if timeout_s:
                self._changed.wait(timeout_s)
            return self._standing

    def state_of(self, job_id: str) -> JobState:
        """The state of a job of this store, the running one or an earlier one."""
        with self._changed:
            standing = self._standing
        return standing.state if standing.job_id == job_id else JobFolder(self._store.root, job_id).state()

    def request_of(self, job_id: str) -> JobRequest:
        """What a job of this store was asked.

        Raises:
            RequestError: there is no such job.
        """
        return JobFolder(self._store.root, job_id).request()

    def start(self, request: JobRequest) -> tuple[str, str]:
        """Start a job; takes less than 100 ms.

        Returns:
            its id and what there is to say.

        Raises:
            RequestError: it is refused.
            JobRuns: another one is running.
            OSError: the store cannot be written.
        """
        return self._start(partial(admit, request, self._store))

    def resume(self, job_id: str) -> tuple[str, str]:
        """Go on with a job that was interrupted; else as `start`."""
        return self._start(partial(admit_again, job_id, self._store, self._bag_roots))

    def cancel(self) -> str:
        """Ask the running job to stop, whoever started it.

        Returns:
            its id; empty if none runs, or its process has not been started yet.

        Raises:
            RequestError: it is another process's, and cannot be reached.
        """
        with self._changed:
            job_id, process = self._standing.job_id, self._process
        if process is not None:
            process.cancel()
        else:
            job_id = stop_running_job(self._store.root)
        if job_id:
            killer = threading.Timer(self._cancel_grace_s, self._kill, (process, running_job(self._store.root)))
            killer.daemon = True
            killer.start()
        return job_id

    def _kill(self, process: JobProcess | None, canceled: RunningJob | None) -> None:
        """End a job that was canceled and goes on: it is in a long iteration, or waits for a file that never comes."""
        if process is not None:
            process.kill()
            return
        if canceled is None or running_job(self._store.root) != canceled:
            return
        self._killed = canceled.job_id
        try:
            stop_running_job(self._store.root, signal.SIGKILL)
        except (RequestError, OSError) as error:
            self._log_error(f"job {canceled.job_id} does not end: {error}")

    def watch(self) -> None:
        """To be called now and then: sees whether another process runs a job on the store, and how that stands."""
        with self._changed:
            if self._process is not None or (self._launcher is not None and self._launcher.is_alive()):
                return
            standing = self._standing
        running = running_job(self._store.root)
        job_id = running.job_id if running else ""
        if standing.is_busy and job_id != standing.job_id:
            self._on_exit(None)
        elif job_id:
            state = JobFolder(self._store.root, job_id).state()
            with self._changed:
                if self._standing is not standing:  # a job of its own has begun meanwhile
                    return
                self._standing, self._told_end = Standing(job_id, state, dict(state.progress)), None
            if (job_id, state) != (standing.job_id, standing.state):
                self._on_change(True)

    def close(self) -> None:
        """Stop a running job; it can be resumed."""
        if self._launcher is not None:
            self._launcher.join()
        with self._changed:
            process = self._process
        if process is not None:
            process.end(_END_TIMEOUT_S)

    # ---- starting ----

    def _start(self, check: Callable[[], Admitted]) -> tuple[str, str]:
        with self._changed:
            if self._standing.is_busy:
                raise JobRuns(self._standing.job_id)
            refuse_second_job(self._store.root)
            job = check()
            job_id = job.folder.job_id
            self._standing, self._told_end = Standing(job_id, JobState(State.PREPARING, job.message)), None
            # The disk may be slow: the answer does not wait for it.
            self._launcher = threading.Thread(target=self._launch, args=(job,), daemon=True)
            self._launcher.start()
        self._log_info(f"job {job_id}: {job.message}")
        return job_id, job.message

    def _launch(self, job: Admitted) -> None:
        job_id = job.folder.job_id
        try:
            job.write()
            process = JobProcess(self._store.root, job_id, self._on_event, self._on_exit)
        except OSError as error:
            self._finish(JobState(State.FAILED, f"the job cannot be started: {error}"))
            return
        with self._changed:
            # It may have ended already, and another one begun: then nobody waits for it any more.
            if self._standing.is_busy and self._standing.job_id == job_id:
                self._process = process
        self._on_change(True)

    # ---- what the job tells ----

    def _on_event(self, event: dict[str, Any]) -> None:
        is_state = event["event"] == "state"
        with self._changed:
            job_id, state, progress = self._standing.job_id, self._standing.state, self._standing.progress
            told = JobState.from_dict({key: event[key] for key in event if key != "event"}) if is_state else None
            if told and told.state.is_running:
                state = JobState(told.state, told.message)
            elif told:
                self._told_end = told
            elif event["event"] == "progress":
                progress = event
            self._standing = Standing(job_id, state, progress)
            self._changed.notify_all()
        self._on_change(is_state)

    def _on_exit(self, status: int | None) -> None:
        """The process, which is another's if its status is not known, is gone: its folder says how it ended, or not."""
        job_id = self._standing.job_id
        kept = JobFolder(self._store.root, job_id).state()
        if not kept.state.is_running:
            self._finish(kept, is_kept=True)
        elif self._told_end is not None:  # what it could not write down it has told, as on a full disk
            self._finish(self._told_end)
        elif job_id == self._killed or (self._process is not None and self._process.canceled):
            is_forced = job_id == self._killed or (self._process is not None and self._process.killed)
            self._finish(JobState(State.CANCELED, self._how_canceled(is_forced, kept.progress.get("iteration", 0))))
        else:
            if status is None:
                how = "has ended without a word"
            else:
                how = f"was ended by signal {-status}" if status < 0 else f"ended with status {status}"
            log = self._store.root / "jobs" / job_id / LOG_FILE
            where = f" ({log})" if log.exists() else ""  # none where it was started by hand
            self._finish(JobState(State.INTERRUPTED, f"the job's process {how}; it can be resumed{where}"))

    def _how_canceled(self, is_forced: bool, iteration: int) -> str:
        how = f"canceled; it did not end within {self._cancel_grace_s:g} s and was killed" if is_forced else "canceled"
        return f"{how}; it can be resumed " + (f"from iteration {iteration}" if iteration else "from its beginning")

    def _finish(self, end: JobState, is_kept: bool = False) -> None:
        job_id = self._standing.job_id
        if not is_kept:
            self._keep(JobFolder(self._store.root, job_id), end.state, end.message)
        with self._changed:
            self._standing = Standing(job_id, end, self._standing.progress)
            self._process = None
            self._changed.notify_all()
        self._on_change(True)
        text = f"job {job_id} {end.state}: {end.message}"
        if end.state in (State.FAILED, State.INTERRUPTED):  # rclpy wants a line of code to log at one level only
            self._log_error(text)
        else:
            self._log_info(text)

    def _find_last_job(self) -> None:
        """After a start: how the running or the last job of this store stands, or that it was cut off."""
        # One that still runs was started by a server before this one, or by hand; `watch` sees its end.
        running, jobs = running_job(self._store.root), job_ids(self._store.root)
        if not running and not jobs:
            return
        folder = JobFolder(self._store.root, running.job_id if running else jobs[-1])
        if folder.state().state.is_running and not running:
            self._keep(folder, State.INTERRUPTED, "the job was cut off; it can be resumed")
        state = folder.state()
        self._standing = Standing(folder.job_id, state, dict(state.progress))

    def _keep(self, folder: JobFolder, state: State, message: str) -> None:
        try:
            folder.update(state=state, message=message)
        except OSError as error:
            self._log_error(f"{folder.path} cannot be written: {error}")
