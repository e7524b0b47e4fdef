# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""The file of a robot is checked at the door: what is wrong in it is one line that says what to do."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

pytest.importorskip("rclpy", reason="ROS 2's rclpy is not installed")

from madm_ros.default_names import default_recordings
from madm_ros.robot.config import RobotConfig, read_robot
from madm_ros.robot.processes import processes

ROOT = Path(__file__).resolve().parents[3]
TWO = "cameras: [{name: front, modality: thermal}, {name: rear, modality: thermal}]\n"


def read(tmp_path: Path, text: str) -> RobotConfig:
    path = tmp_path / "robot.yaml"
    path.write_text(text)
    return read_robot(path)


def test_the_file_that_comes_with_the_package_is_a_robot_of_four_cameras(tmp_path) -> None:
    path = ROOT / "config" / "robot.yaml"
    robot = read_robot(path)
    assert [camera.modality for camera in robot.cameras] == ["thermal", "thermal", "depth", "event"]
    # What is only hinted at holds as well.
    hinted = re.sub(r"^( *)# ( *\w+: ?.*)$", r"\1\2", path.read_text(), flags=re.MULTILINE)
    robot = read(tmp_path, hinted)
    assert robot.adapt.bag_roots
    assert robot.record.minutes == 10
    assert robot.cameras[0].parameters == {"max_fps": 10.0, "thermal.gain": "percentile"}
    assert robot.cameras[-1].topics == read_robot(path).cameras[-1].topics


def test_what_is_left_out_follows_from_name_modality_and_namespace(tmp_path) -> None:
    robot = read(
        tmp_path,
        "namespace: robot\nparameters: {device: cpu, max_fps: 5, thermal: {gain: clahe}}\nadapt: {bag_roots: [/data]}\n"
        "record: {}\ncameras:\n  - {name: front, modality: thermal, parameters: {max_fps: 10.0}}\n"
        "  - {name: rear, modality: thermal, image_topic: /rear/raw}\n"
        "  - {name: dvs, modality: event, store: /versions}\n"
        "  - {name: colour, modality: rgb}\n"
        "  - {name: still, modality: depth, store: ''}\n",
    )
    front, rear, dvs, colour, still = robot.cameras
    assert front.topics == {"image": "/front/image_raw", "camera_info": "/front/camera_info"}
    assert rear.topics["image"] == "/rear/raw"
    assert dvs.topics == {
        "events": "/dvs/events",
        "reference_image": "/dvs/image_raw",
        "camera_info": "/dvs/camera_info",
    }
    store = Path.home() / ".madm" / "robot" / "thermal"
    assert robot.camera_parameters(front) == {
        "device": "cpu",
        "max_fps": 10.0,
        "thermal.gain": "clahe",
        "modality": "thermal",
        "model": "",
        "store": str(store),
    }
    assert robot.camera_parameters(rear)["max_fps"] == 5
    assert [robot.store(camera) for camera in (colour, still)] == ["", ""]
    by_store = robot.cameras_by_store()
    assert by_store == {store: [front, rear], Path("/versions"): [dvs]}
    assert [robot.server_namespace(cameras) for cameras in by_store.values()] == ["robot/thermal", "robot/dvs"]
    served = robot.server_parameters([front, rear])
    recordings = str(Path.home() / ".madm" / "robot" / "recordings")
    assert served["bag_roots"] == ["/data", recordings]
    assert (served["thermal.gain"], served["store"]) == ("clahe", str(store))


def test_a_server_adapts_from_what_the_recorders_of_its_cameras_keep(tmp_path) -> None:
    lidar = "  - {name: lidar, modality: depth}\n"
    cameras = "cameras:\n  - {name: front, modality: thermal}\n  - {name: rear, modality: thermal}\n" + lidar
    started = processes(read(tmp_path, f"{cameras}namespace: robot\nadapt: {{}}\nrecord: {{}}\n"))["nodes"]
    kept = {
        node["name"]: str(default_recordings(node["name"], node["namespace"]))
        for node in started
        if node["executable"] == "record"
    }
    thermal, depth = (node["parameters"] for node in started if node["executable"] == "adapt_server")
    assert thermal["on_shift.recordings"] == f"{kept['front_recorder']}:{kept['rear_recorder']}"
    assert depth["on_shift.recordings"] == kept["lidar_recorder"]
    assert all(Path(folder).parent == Path(thermal["bag_roots"][0]) for folder in kept.values())
    own = read(tmp_path, cameras + "adapt: {parameters: {on_shift: {recordings: /mine}}}\nrecord: {}\n")
    assert own.server_parameters(list(own.cameras[:2]))["on_shift.recordings"] == "/mine"
    unrecorded = read(tmp_path, cameras + "adapt: {}\n")
    assert "on_shift.recordings" not in unrecorded.server_parameters(list(unrecorded.cameras[:2]))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (TWO + "camera: []", "unknown setting 'camera': use cameras, namespace"),
        ("namespace: madm", "setting 'cameras' is missing"),
        ("cameras: []", "it needs at least 1 of them"),
        ("cameras: [{name: front}]", "setting 'cameras.0.modality' is missing"),
        ("cameras: [{name: front, modality: sonar}]", "cameras.0.modality is 'sonar'"),
        ("cameras: [{name: front, modality: thermal, topic: /x}]", "unknown setting 'cameras.0.topic': use name"),
        ("cameras: [{name: front-left, modality: thermal}]", "camera name 'front-left'"),
        ("cameras: [{name: front, modality: thermal, image_topic: a b}]", "front: topic 'a b'"),
        ("cameras: [{name: front, modality: thermal, events_topic: /x}]", "front is for thermal: use image_topic in"),
        ("cameras: [{name: dvs, modality: event, image_topic: /x}]", "dvs is for event: use events_topic in place"),
        (TWO.replace("rear", "front"), "there would be two nodes 'front'"),
        (
            "cameras: [{name: dvs_seg, modality: event}, {name: dvs_edges, modality: rgb}]",
            "there would be two nodes 'dvs_edges'",
        ),
        (TWO + "namespace: a b", "namespace 'a b'"),
        (TWO + "processes: many", "processes is 'many'"),
        (TWO + "parameters: {max_fsp: 3}", "of all cameras: unknown parameter 'max_fsp': do you mean max_fps?"),
        (TWO + "parameters: {max_fps: fast}", "of all cameras: max_fps is 'fast': it has to be a number"),
        (TWO + "parameters: {max_fps: -1}", "of all cameras: max_fps is -1: it has to be from 0 to 1000"),
        (TWO + "parameters: {lazy: 1}", "lazy is 1: it has to be true or false"),
        (TWO + "parameters: {model: x}", "of all cameras: model has no place among the parameters: it is a field"),
        (TWO + "parameters: {thermal: {gain: loud}}", "thermal.gain is 'loud': it has to be one of percentile"),
        (TWO + "parameters: {thermal: {gain: fixed, fixed_min: 9.0, fixed_max: 1.0}}", "front: thermal: "),
        (
            "cameras: [{name: front, modality: thermal, parameters: {edges: {mode: decay}}}]",
            "front: unknown parameter 'edges.mode'",
        ),
        (TWO + "adapt: {roots: [/data]}", "unknown setting 'adapt.roots': use bag_roots, parameters"),
        (TWO + "adapt: {parameters: {keeep: 3}}", "adapt: unknown parameter 'keeep': do you mean keep?"),
        (
            "cameras: [{name: a, modality: thermal, store: /x}, {name: b, modality: depth, store: /x}]",
            "a and b follow one store, /x, and differ in their modality: give one of them a store of its own",
        ),
        (
            "cameras: [{name: a, modality: thermal}, {name: b, modality: thermal, model: other}]",
            "and differ in their model: give one of them a store of its own",
        ),
        (
            TWO.replace("thermal}]", "thermal, parameters: {thermal: {invert: true}}}]") + "adapt: {}",
            "and differ in their thermal.invert: give one of them a store of its own",
        ),
        (
            "cameras: [{name: a, modality: event, parameters: {edges: {mode: edge_map}}}, {name: b, modality: event}]\n"
            "adapt: {}",
            "and differ in their edges.mode: give one of them a store of its own",
        ),
        (
            "cameras: [{name: thermal, modality: thermal, store: /x}, {name: b, modality: thermal}]",
            "there would be two servers 'madm/thermal'",
        ),
        (TWO + TWO, "'cameras' is there twice"),
        (TWO + "record: {minutes: 0}", "record.minutes is 0"),
        (
            "cameras: [{name: a, modality: thermal}, {name: a_recorder, modality: thermal}]\nrecord: {}",
            "there would be two nodes 'a_recorder'",
        ),
        ("cameras: [", "while parsing"),
        ("just words", "have to be a mapping of names to values"),
    ],
)
def test_what_is_wrong_is_one_line(tmp_path, text: str, words: str) -> None:
    with pytest.raises(ValueError) as caught:
        read(tmp_path, text)
    assert str(caught.value).startswith(f"{tmp_path}/robot.yaml: ")
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


def test_cameras_of_one_store_may_differ_in_what_their_frames_do_not_depend_on(tmp_path) -> None:
    robot = read(
        tmp_path,
        "adapt: {}\ncameras:\n"
        "  - {name: front, modality: thermal, parameters: {max_fps: 10.0, depth: {encoding: linear}}}\n"
        "  - {name: rear, modality: thermal, parameters: {thermal: {invert: false}}}\n"
        "  - {name: side, modality: thermal, store: /side, parameters: {thermal: {invert: true}}}\n"
        "  - {name: still, modality: thermal, store: '', parameters: {thermal: {invert: true}}}\n",
    )
    assert [len(cameras) for cameras in robot.cameras_by_store().values()] == [2, 1]
    # Nobody prepares recordings where there is no server.
    read(tmp_path, TWO.replace("thermal}]", "thermal, parameters: {thermal: {invert: true}}}]"))


def test_a_file_that_is_not_there_is_one_line(tmp_path) -> None:
    with pytest.raises(ValueError, match=r"nowhere.yaml cannot be read: No such file"):
        read_robot(tmp_path / "nowhere.yaml")
