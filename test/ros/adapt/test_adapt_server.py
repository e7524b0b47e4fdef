# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""The adaptation service over DDS: from a recording to the labels of a new version, and what is refused."""

from __future__ import annotations

import itertools
import os
import shutil
import threading
import time
from collections.abc import Callable
from pathlib import Path
from queue import Queue
from typing import Any

import numpy as np
import pytest

pytest.importorskip("rclpy", reason="ROS 2's rclpy is not installed")

from adapt_helpers import JOB_S, LATCHED, adapt, job, options
from adaptation_samples import GAIN, TOPIC, thermal_frames, write_bag
from builtin_interfaces.msg import Duration
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue
from madm_msgs.action import Adapt as AdaptAction
from madm_msgs.msg import AdaptJob, AdaptStatus
from madm_msgs.srv import Rollback
from rclpy.action import ActionClient
from rclpy.qos import QoSProfile
from ros_helpers import image_message, pixels_of, wait_until
from sensor_msgs.msg import Image
from std_srvs.srv import Trigger

from madm_model.io.bags import BagWriter, make_image_message
from madm_model.io.frames import InputError, RawFrame
from madm_model.jobs.request import JobFolder
from madm_model.modalities import make_preprocessor
from madm_model.store import VersionStore
from madm_ros.adapt import admission
from madm_ros.adapt.frame_rates import FrameRates
from madm_ros.adapt.job_process import JobProcess
from madm_ros.diagnostic_reports import SEGMENTATION
from madm_ros.image_conversion import to_frame
from madm_ros.segmentation.node import load_segmenter
from madm_ros.tools.bag_player import BagPlayer

GAIN_PARAMETERS = {f"thermal.{name}": value for name, value in GAIN.items()}


def states(messages: list[AdaptStatus]) -> list[int]:
    return list(dict.fromkeys(message.state for message in messages))


def record(peer, start_player: Callable[[Path], BagPlayer], played: Path, recorded: Path) -> None:
    """Play a bag, and write what comes over DDS into another."""
    images = peer.collect(Image, TOPIC, QoSProfile(depth=100))
    player = start_player(played)
    wait_until(lambda: player.count_subscribers(TOPIC) == 1, "the recorder")
    count = player.play(rate=5.0)
    wait_until(lambda: len(images) == count, "every image")
    with BagWriter(recorded) as bag:
        for message in images:
            frame = to_frame(message)
            bag.write(TOPIC, make_image_message(frame.array, "mono16", frame.stamp_ns, "thermal"), frame.stamp_ns)


def test_from_a_recording_to_the_new_versions_labels_and_back(
    peer, start_server, start_node, start_player, robot
) -> None:
    record(peer, start_player, write_bag(robot / "drive"), robot / "bags" / "recorded")
    recorded = [str(robot / "bags" / "recorded")]
    start_server(**GAIN_PARAMETERS)
    start_node(load_segmenter, model=str(robot / "base"), store=str(robot / "store"), device="cpu", **GAIN_PARAMETERS)
    labels = peer.collect(Image, "/segmentation_node/labels")
    reports = peer.collect(DiagnosticArray, "/diagnostics")
    statuses = peer.collect(AdaptStatus, "/madm/adapt/status", LATCHED)
    publisher = peer.publisher(Image, "/image")
    frames = list(thermal_frames(20))
    sent = itertools.count(1)

    def drive_until(condition: Callable[[], Any], what: str, timeout_s: float = 60.0) -> None:
        def step() -> Any:
            number = next(sent)
            publisher.publish(image_message(frames[number % 20], "mono16", stamp_s=number))
            time.sleep(0.03)
            return condition()

        wait_until(step, what, timeout_s)

    def model() -> str:
        return {item.key: item.value for report in reports[-1:] for item in report.status[0].values}.get("model", "")

    def labels_of_a_new_frame() -> Image:
        """Labels of a frame that was sent after this call: by the model that the diagnostics named before it."""
        now = next(sent)
        drive_until(lambda: labels[-1].header.stamp.sec > now, "labels of a new frame")
        return labels[-1]

    def labels_by(folder: Path, number: int) -> np.ndarray:
        """What the model of a folder makes of the frame with that number."""
        image = make_preprocessor("thermal", GAIN)(RawFrame(frames[number % 20], "mono16", 0, ""))
        return load_segmenter(str(folder), "cpu", "float32", "torch").segment([image])[0].labels

    # 1. Accepted, and carried out while segmentation goes on
    drive_until(lambda: labels, "labels")
    response = adapt(peer, job(robot, 3, bag_uris=recorded, options=options(learning_rate="0.02")))
    assert response.accepted, response.message
    before = len(labels)
    running = {AdaptStatus.STATE_PREPARING, AdaptStatus.STATE_TRAINING, AdaptStatus.STATE_EVALUATING}
    drive_until(lambda: statuses[-1].job_id and statuses[-1].state not in running, "the job's end", JOB_S)
    assert statuses[-1].state == AdaptStatus.STATE_ACTIVATED, statuses[-1].message
    assert len(labels) > before
    assert (statuses[-1].job_id, statuses[-1].new_version) == (response.job_id, "v0001")
    assert (statuses[-1].active_version, list(statuses[-1].versions)) == ("v0001", ["base", "v0001"])
    assert Path(statuses[-1].report_uri.removeprefix("file://")).is_file()
    assert {AdaptStatus.STATE_PREPARING, AdaptStatus.STATE_TRAINING} <= set(states(statuses))

    # 2. The new version's labels
    drive_until(lambda: model() == f"miniature@{response.job_id}", "the new version in the diagnostics")
    last = labels_of_a_new_frame()
    number = last.header.stamp.sec
    new = labels_by(robot / "store" / "versions" / "v0001", number)
    np.testing.assert_array_equal(pixels_of(last), new)
    assert (new != labels_by(robot / "base", number)).any()

    # 3. Back to the base, and its labels
    answer = peer.call(Rollback, "/madm/rollback", Rollback.Request())
    assert (answer.success, answer.active_version) == (True, "base")
    drive_until(lambda: model() == "miniature", "the base in the diagnostics")
    last = labels_of_a_new_frame()
    np.testing.assert_array_equal(pixels_of(last), labels_by(robot / "base", last.header.stamp.sec))
    wait_until(lambda: statuses[-1].active_version == "base", "the status")
    refused = peer.call(Rollback, "/madm/rollback", Rollback.Request())
    assert not refused.success
    assert "nothing to go back to" in refused.message

    # 4. A second job, canceled midway by the action: nothing changes
    client = ActionClient(peer.node, AdaptAction, "/madm/adapt")
    assert client.wait_for_server(20.0)
    sending = client.send_goal_async(AdaptAction.Goal(job=job(robot, 100_000, bag_uris=recorded)))
    wait_until(sending.done, "the goal")
    drive_until(
        lambda: statuses[-1].job_id != response.job_id and statuses[-1].progress.iteration >= 2, "training", JOB_S
    )
    waiting = sending.result().get_result_async()
    sending.result().cancel_goal_async()
    drive_until(waiting.done, "the end of the second job")
    result = waiting.result().result
    assert (result.state, result.active_version) == (AdaptStatus.STATE_CANCELED, "base")
    last = labels_of_a_new_frame()
    np.testing.assert_array_equal(pixels_of(last), labels_by(robot / "base", last.header.stamp.sec))


def test_on_a_full_disk_the_job_fails_with_the_reason_and_the_node_goes_on(
    peer, start_server, start_node, robot, small_disk, monkeypatch
) -> None:
    # Told with the end of a job that lasts some seconds, as on a busy machine; it is no part of the reason.
    monkeypatch.setattr(FrameRates, "end", lambda _: "")
    store = small_disk.path / "store"
    start_server(store=str(store))
    start_node(load_segmenter, model=str(robot / "base"), store=str(store), device="cpu")
    labels = peer.collect(Image, "/segmentation_node/labels")
    statuses = peer.collect(AdaptStatus, "/madm/adapt/status", LATCHED)
    publisher = peer.publisher(Image, "/image")
    frame = image_message(next(thermal_frames(1)), "mono16")
    peer.send(publisher, frame, lambda: labels)
    response = adapt(peer, job(robot, 100_000, options=options(checkpoint_every="20")))
    assert response.accepted, response.message
    wait_until(lambda: statuses[-1].state == AdaptStatus.STATE_TRAINING, "training", JOB_S)
    small_disk.fill()
    wait_until(lambda: statuses[-1].state == AdaptStatus.STATE_FAILED, "the end", JOB_S)
    assert statuses[-1].message == f"no space left in {store}: free some, then resume the job"
    assert statuses[-1].active_version == "base"
    before = len(labels)
    peer.send(publisher, frame, lambda: len(labels) > before)

    # With space again, the same server goes on with the job.
    small_disk.free()
    resumed = adapt(peer, AdaptJob(resume_job_id=response.job_id))
    assert resumed.accepted, resumed.message
    wait_until(lambda: statuses[-1].state == AdaptStatus.STATE_TRAINING, "training", JOB_S)
    wait_until(lambda: statuses[-1].progress.iteration > 1, "an iteration", JOB_S)


def test_a_job_that_fails_and_one_that_does_not_are_both_told_to_the_end(peer, start_server, robot) -> None:
    start_server()
    statuses = peer.collect(AdaptStatus, "/madm/adapt/status", LATCHED)
    hopeless = adapt(peer, job(robot, 20, options=options(learning_rate="1e30")))
    wait_until(lambda: statuses and statuses[-1].state == AdaptStatus.STATE_FAILED, "the failure", JOB_S)
    response = adapt(peer, job(robot, 1))
    assert response.job_id != hopeless.job_id
    wait_until(lambda: statuses[-1].state == AdaptStatus.STATE_ACTIVATED, "the end", JOB_S)
    assert statuses[-1].job_id == response.job_id


def test_an_action_gives_feedback_and_can_be_canceled_and_resumed(peer, start_server, robot) -> None:
    start_server()
    client = ActionClient(peer.node, AdaptAction, "/madm/adapt")
    assert client.wait_for_server(20.0)
    feedback: list[Any] = []
    sending = client.send_goal_async(AdaptAction.Goal(job=job(robot, 100_000)), feedback.append)
    wait_until(sending.done, "the goal")
    goal = sending.result()
    wait_until(lambda: feedback, "feedback", JOB_S)
    progress = feedback[0].feedback.progress
    assert progress.iteration >= 1
    assert progress.iterations == 100_000
    assert progress.loss_total > 0

    # A second job is refused with the first one's id.
    second = adapt(peer, job(robot))
    assert not second.accepted
    assert f"job {second.job_id} is running" in second.message

    waiting = goal.get_result_async()
    goal.cancel_goal_async()
    wait_until(waiting.done, "the end", 60.0)
    result = waiting.result().result
    assert (result.state, result.job_id, result.active_version) == (AdaptStatus.STATE_CANCELED, second.job_id, "base")

    # Resumed by the service, it goes on after the iteration it was canceled in.
    statuses = peer.collect(AdaptStatus, "/madm/adapt/status", LATCHED)
    resumed = adapt(peer, AdaptJob(resume_job_id=result.job_id))
    assert resumed.accepted, resumed.message
    reached = JobFolder(robot / "store", result.job_id).state().progress["iteration"]
    wait_until(lambda: statuses[-1].state == AdaptStatus.STATE_TRAINING, "training", JOB_S)
    wait_until(lambda: statuses[-1].progress.iteration > reached, "the next iterations", JOB_S)


def test_an_answer_does_not_wait_for_a_slow_check(peer, start_server, robot, monkeypatch) -> None:
    server = start_server()
    release = threading.Event()
    monkeypatch.setattr(admission, "_CHECK_S", 0.06)
    monkeypatch.setattr(admission, "check_files", lambda *_: release.wait(60))
    response = adapt(peer, job(robot, 100_000))
    assert response.accepted
    assert response.message.startswith("accepted: about ")
    assert response.message.endswith("; its files are still being looked for")
    wait_until(server._jobs.cancel, "the process to be started")
    wait_until(lambda: not server._jobs.standing().is_busy, "the end", JOB_S)

    # The next check does not wait for the first one either, nor does the end of the server.
    refused = adapt(peer, job(robot, options=[KeyValue(key="speed", value="1")]))
    assert not refused.accepted
    assert "unknown option 'speed'" in refused.message
    start_server()
    assert not release.is_set()
    release.set()


def test_no_request_and_no_strangers_report_ends_the_server(peer, start_server, robot) -> None:
    start_server()
    statuses = peer.collect(AdaptStatus, "/madm/adapt/status", LATCHED)
    (robot / "bags" / "circle").symlink_to(robot / "bags" / "circle")
    shutil.copytree(robot / "source", robot / "latin")
    (robot / "latin" / "images" / os.fsdecode(b"caf\xe9.png")).symlink_to("/nowhere.png")  # no UTF-8
    stranger = DiagnosticStatus(name=f"/other: {SEGMENTATION}", values=[KeyValue(key="state", value="active")])
    reports = peer.publisher(DiagnosticArray, "/diagnostics")
    wait_until(lambda: reports.get_subscription_count() == 1, "the server to listen")
    reports.publish(DiagnosticArray(status=[stranger]))
    for message in (
        job(robot, options=options(enlargement="inf")),
        job(robot, options=options(steps="[" * 100_000)),
        job(robot, bag_uris=["~nosuchuser/bag"]),
        job(robot, bag_uris=[str(robot / "bags" / "circle")]),
        job(robot, bag_uris=["file://[/bag"]),
        job(robot, start_s=float("nan")),
        job(robot, end_s=float("inf")),
        AdaptJob(resume_job_id="../../bags/drive"),
        job(robot, options=options(source_labels="model"), source=f"{robot / 'latin'}=1"),
    ):
        response = adapt(peer, message)
        assert not response.accepted
        assert response.message
    assert adapt(peer, job(robot, 1)).accepted
    wait_until(lambda: statuses[-1].state == AdaptStatus.STATE_ACTIVATED, "the end", JOB_S)


def test_a_job_can_be_canceled_by_a_service_whoever_started_it(peer, start_server, robot) -> None:
    start_server()
    statuses = peer.collect(AdaptStatus, "/madm/adapt/status", LATCHED)

    def cancel() -> Trigger.Response:
        return peer.call(Trigger, "/madm/adapt/cancel", Trigger.Request())

    assert (cancel().success, cancel().message) == (False, "no job is running")
    response = adapt(peer, job(robot, 100_000))
    wait_until(lambda: statuses[-1].progress.iteration >= 1, "training", JOB_S)
    assert cancel().message == f"job {response.job_id} is told to stop; it can be resumed"
    wait_until(lambda: statuses[-1].state == AdaptStatus.STATE_CANCELED, "the end", JOB_S)

    # One of a server that is gone, or of the command line, is told too.
    ends: Queue[int] = Queue()
    JobProcess(robot / "store", response.job_id, lambda event: None, ends.put)
    folder = JobFolder(robot / "store", response.job_id)
    wait_until(lambda: folder.state().state == "training", "training", JOB_S)
    start_server(cancel_grace_s=JOB_S)  # a busy machine must not turn an end into a kill
    late = peer.collect(AdaptStatus, "/madm/adapt/status", LATCHED)
    wait_until(lambda: late and late[-1].state == AdaptStatus.STATE_TRAINING, "the status")
    assert cancel().success
    assert ends.get(timeout=JOB_S) == 0
    wait_until(lambda: late[-1].state == AdaptStatus.STATE_CANCELED, "the end", JOB_S)


def test_requests_that_cannot_work_are_refused_with_a_reason(peer, start_server, robot) -> None:
    start_server()
    outside = write_bag(robot / "elsewhere")
    (robot / "bags" / "link").symlink_to(outside)
    hard = write_bag(robot / "bags" / "hard", 2)
    os.link(hard / "hard.mcap", robot / "second.mcap")
    refused = {
        "is not under one of the folders allowed by bag_roots": job(robot, bag_uris=[str(outside)]),
        "allowed by bag_roots": job(robot, bag_uris=[str(robot / "bags" / "link")]),
        "no bag is named": job(robot, bag_uris=[]),
        "does not exist": job(robot, bag_uris=[str(robot / "bags" / "gone")]),
        "has another name (a hard link)": job(robot, bag_uris=[str(hard)]),
        "this server adapts thermal, not depth": job(robot, modality="depth"),
        "set a number of iterations, a time budget, or both": job(robot, iterations=0),
        "unknown option 'speed'": job(robot, options=[KeyValue(key="speed", value="1")]),
        "parameters of the server (gate.*)": job(robot, options=options(agreement_drop="0.9")),
        "but parameters of the server": job(robot, options=options(protect="[]")),
        "GB of memory are free: lower view.batch_size": job(robot, options=options(batch_size="10000000")),
        "days, and max_days allows 7 days": job(robot, iterations=4_000_000_000),
        "there is no job 'x'": AdaptJob(resume_job_id="x"),
    }
    for reason, message in refused.items():
        response = adapt(peer, message)
        assert (response.accepted, response.job_id) == (False, ""), response.message
        assert reason in response.message
    # What only the recordings tell is the job's to find out: nothing of them is opened here.
    statuses = peer.collect(AdaptStatus, "/madm/adapt/status", LATCHED)
    assert adapt(peer, job(robot, topic="/rgb")).accepted
    wait_until(lambda: statuses and statuses[-1].state == AdaptStatus.STATE_FAILED, "the end", JOB_S)
    assert "has no topic /rgb" in statuses[-1].message
    assert VersionStore(robot / "store", robot / "base").read().versions == ("base",)


def test_what_the_gate_cannot_go_by_ends_the_start(ros, start_server, robot) -> None:
    with pytest.raises(ValueError, match="protect names 'persn', but the model's classes are sky"):
        start_server(**{"gate.protect": ["persn"]})
    with pytest.raises(InputError, match="is no labelled folder"):
        start_server(labelled_target=str(robot / "bags"))


def test_a_refused_goal_says_why_in_its_result(peer, start_server, robot) -> None:
    start_server(bag_roots=[""])
    client = ActionClient(peer.node, AdaptAction, "/madm/adapt")
    assert client.wait_for_server(20.0)
    sending = client.send_goal_async(AdaptAction.Goal(job=job(robot, time_budget=Duration(sec=5))))
    wait_until(sending.done, "the goal")
    waiting = sending.result().get_result_async()
    wait_until(waiting.done, "the result")
    assert "none is configured" in waiting.result().result.message
    assert waiting.result().result.state == AdaptStatus.STATE_FAILED
