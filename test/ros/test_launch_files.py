# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""Launch files and the configuration they load."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import yaml

from madm_model.io.bags import BagWriter, make_image_message

ROOT = Path(__file__).resolve().parents[2]
LAUNCH_FILES = sorted((ROOT / "launch").glob("*.launch.py"))
MODALITIES = ("thermal", "depth")


def _parameters(path: Path) -> dict[str, object]:
    """The parameters of a ROS parameter file by dotted name; it has them for all nodes."""

    def flat(prefix: str, values: dict) -> dict[str, object]:
        result: dict[str, object] = {}
        for key, value in values.items():
            result |= flat(f"{prefix}{key}.", value) if isinstance(value, dict) else {f"{prefix}{key}": value}
        return result

    return flat("", yaml.safe_load(path.read_text())["/**"]["ros__parameters"])


def _load(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(path.name.replace(".", "_"), path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("path", LAUNCH_FILES, ids=lambda path: path.name)
def test_launch_files_compile(path: Path) -> None:
    code = compile(path.read_text(), str(path), "exec")
    assert "generate_launch_description" in code.co_names


@pytest.mark.parametrize("modality", MODALITIES)
def test_configuration_names_declared_parameters_with_their_defaults(modality: str) -> None:
    pytest.importorskip("rclpy", reason="ROS 2's rclpy is not installed")
    from madm_ros.segmentation.parameters import PARAMETERS, refusal

    declared = {parameter.name: parameter.default for parameter in PARAMETERS}
    given = _parameters(ROOT / "config" / f"{modality}.yaml")
    assert given.keys() <= declared.keys()
    assert {name for name in declared if name.startswith(f"{modality}.")} <= given.keys()
    assert given.pop("modality") == modality
    assert given == {name: declared[name] for name in given}
    assert {name: type(value) for name, value in given.items()} == {name: type(declared[name]) for name in given}
    assert refusal(declared, given, configured=False) == ""


def test_event_configuration_names_declared_parameters_with_their_defaults() -> None:
    pytest.importorskip("rclpy", reason="ROS 2's rclpy is not installed")
    from madm_ros.events import parameters as event_parameters
    from madm_ros.segmentation.parameters import PARAMETERS, refusal

    given = _parameters(ROOT / "config" / "event.yaml")
    edges = {parameter.name: parameter.default for parameter in event_parameters.PARAMETERS}
    assert {name: given.pop(name) for name in edges} == edges
    declared = {parameter.name: parameter.default for parameter in PARAMETERS}
    assert {name for name in declared if name.startswith("event.")} <= given.keys()
    assert refusal(declared, given, configured=False) == ""
    assert given.pop("modality") == "event"
    assert given == {name: declared[name] for name in given}


def test_event_configuration_reaches_both_nodes(ros, tmp_path) -> None:
    pytest.importorskip("event_camera_msgs.msg", reason="event_camera_msgs is not installed")
    from madm_ros.events.seg import make_nodes

    path = tmp_path / "event.yaml"
    text = (ROOT / "config" / "event.yaml").read_text()
    path.write_text(
        text.replace("mode: decay", "mode: polarity").replace("overlay_opacity: 0.5", "overlay_opacity: 0.7")
    )
    nodes = make_nodes(lambda *_: None, arguments=["--params-file", str(path)], namespace="/madm")
    try:
        assert [node.get_fully_qualified_name() for node in nodes] == ["/madm/event_edges", "/madm/event_seg"]
        assert nodes[0].get_parameter("edges.mode").value == "polarity"
        assert nodes[1].get_parameter("overlay_opacity").value == 0.7
        assert nodes[1].get_parameter("modality").value == "event"
    finally:
        for node in nodes:
            node.destroy_node()


def test_rviz_shows_edges_and_labels_of_events() -> None:
    displays = yaml.safe_load((ROOT / "config" / "event.rviz").read_text())["Visualization Manager"]["Displays"]
    topics = [display["Topic"]["Value"] for display in displays]
    assert topics == ["/madm/event_seg/overlay", "/madm/event_seg/labels", "/madm/event_edges/edges"]


@pytest.mark.parametrize("modality", MODALITIES)
def test_rviz_shows_what_the_node_publishes(modality: str) -> None:
    displays = yaml.safe_load((ROOT / "config" / f"{modality}.rviz").read_text())["Visualization Manager"]["Displays"]
    topics = [display["Topic"]["Value"] for display in displays]
    names = ["overlay", "labels"] + (["points"] if modality == "depth" else [])
    assert topics == [f"/madm/{modality}_seg/{name}" for name in names]


def _nodes(modality: str, file: str = "", **arguments: str) -> list:
    """The processes of a launch file with these arguments; the package's share folder is the checkout."""
    pytest.importorskip("launch_ros", reason="launch_ros is not installed; it comes with a ROS 2 distribution")
    from launch.actions import DeclareLaunchArgument, OpaqueFunction

    from launch import LaunchContext

    given = {
        "params_file": str(ROOT / "config" / f"{modality}.yaml"),
        "rviz_config": str(ROOT / "config" / f"{modality}.rviz"),
        **arguments,
    }
    context = LaunchContext()
    context.launch_configurations.update(given)
    path = ROOT / "launch" / (file or f"{modality}_seg.launch.py")
    description = _load(path).generate_launch_description()
    nodes = []
    for action in description.entities:
        if isinstance(action, DeclareLaunchArgument) and action.name not in given:
            action.execute(context)
        elif isinstance(action, OpaqueFunction):
            nodes += action.execute(context)
    return nodes


def test_cloud_labels_come_from_the_segmentation_node_that_is_named() -> None:
    (node,) = _nodes("cloud_labels", file="cloud_labels.launch.py")
    assert (node.node_executable, node.node_package) == ("cloud_labels", "madm_ros")
    from madm_ros.clouds.launching import cloud_remappings

    topics = {"cloud_topic": "/lidar/points", "depth_topic": "/depth", "camera_info_topic": ""}
    assert cloud_remappings({**topics, "camera": "/front/cam/"}) == [
        ("labels", "/front/cam/labels"),
        ("confidence", "/front/cam/confidence"),
        ("palette", "/front/cam/palette"),
        ("camera_info", "/front/cam/camera_info"),
        ("cloud", "/lidar/points"),
        ("depth", "/depth"),
    ]
    own_info = cloud_remappings({**topics, "camera": "thermal_seg", "camera_info_topic": "/thermal/camera_info"})
    assert own_info[0] == ("labels", "thermal_seg/labels") and own_info[3] == ("camera_info", "/thermal/camera_info")


def test_cloud_configuration_has_every_parameter_with_its_default() -> None:
    pytest.importorskip("rclpy", reason="ROS 2's rclpy is not installed")
    from madm_ros.clouds.parameters import PARAMETERS

    assert _parameters(ROOT / "config" / "cloud_labels.yaml") == {one.name: one.default for one in PARAMETERS}


@pytest.mark.parametrize("modality", MODALITIES)
def test_launch_starts_the_node_alone_by_default(modality: str) -> None:
    nodes = _nodes(modality)
    assert [(node.node_package, node.node_executable) for node in nodes] == [("madm_ros", "segmentation_node")]


@pytest.fixture
def bag(tmp_path) -> str:
    """A recording with one thermal image."""
    with BagWriter(tmp_path / "bag") as writer:
        image = make_image_message(np.zeros((8, 8), np.uint8), "mono8", 1, "thermal")
        writer.write("/thermal/image_raw", image, 1)
    return str(tmp_path / "bag")


def _command(node) -> list[str]:
    """The arguments that a process is started with, but for those that depend on where it is installed."""
    return [argument[0].text for argument in node.cmd if hasattr(argument[0], "text")]


def test_launch_starts_rviz_and_a_bag_on_demand(bag, monkeypatch) -> None:
    pytest.importorskip("launch_ros", reason="launch_ros is not installed; it comes with a ROS 2 distribution")
    from madm_ros import launch_checks

    monkeypatch.setattr(launch_checks, "require_rviz", lambda: None)
    nodes = _nodes("thermal", rviz="true", bag=bag, bag_loop="true", bag_clock="100", model="folder")
    assert [node.node_executable for node in nodes] == ["segmentation_node", "rviz2", "bag_player"]
    command = _command(nodes[-1])
    assert command[command.index("--loop") :][:3] == ["--loop", "--clock", "100.0"]
    assert "-f" not in _command(nodes[1])
    _, rviz = _nodes("depth", rviz="true", rviz_frame="camera_depth_optical_frame")
    assert _command(rviz)[2:4] == ["-f", "camera_depth_optical_frame"]


def test_the_event_launch_starts_one_process_for_both_nodes() -> None:
    (node,) = _nodes("event", name="front_seg")
    assert node.node_executable == "event_seg"
    assert _command(node)[:2] == ["--name", "front_seg"]


def test_the_modality_and_the_store_are_known_before_the_parameter_file() -> None:
    (node,) = _nodes("depth")
    command = _command(node)
    assert "modality:=depth" in command and f"store:={Path.home()}/.madm/depth" in command
    (node,) = _nodes("depth", namespace="front")
    assert f"store:={Path.home()}/.madm/front/depth" in _command(node)


def test_what_cannot_be_is_refused_before_anything_starts(bag, monkeypatch) -> None:
    pytest.importorskip("launch_ros", reason="launch_ros is not installed; it comes with a ROS 2 distribution")
    monkeypatch.setenv("AMENT_PREFIX_PATH", str(ROOT))
    refusals = {
        "the package rviz2 is not installed": {"rviz": "true"},
        r"has no topic /lwir; it has /thermal/image_raw \(sensor_msgs/msg/Image\): set image_topic:=": {
            "bag": bag,
            "image_topic": "/lwir",
        },
        "nowhere does not exist": {"bag": "nowhere"},
        "confidence_threshold:=half is not a number": {"confidence_threshold": "half"},
    }
    for words, arguments in refusals.items():
        with pytest.raises(RuntimeError, match=words):
            _nodes("thermal", **arguments)


def test_unknown_arguments_are_refused_where_the_file_itself_is_launched(monkeypatch) -> None:
    pytest.importorskip("launch_ros", reason="launch_ros is not installed; it comes with a ROS 2 distribution")
    from launch import LaunchContext
    from madm_ros.launch_checks import refuse_unknown_arguments

    context = LaunchContext(argv=["modle:=x", "name:=y"])
    monkeypatch.setattr(sys, "argv", ["ros2", "launch", "robot.launch.py", "modle:=x", "name:=y"])
    refuse_unknown_arguments(context, "thermal_seg.launch.py", ["name", "model"])
    monkeypatch.setattr(sys, "argv", ["ros2", "launch", "madm_ros", "thermal_seg.launch.py", "modle:=x", "name:=y"])
    with pytest.raises(RuntimeError, match=r"thermal_seg\.launch\.py has no argument modle; it has model, name"):
        refuse_unknown_arguments(context, "thermal_seg.launch.py", ["name", "model"])


def test_rviz_shows_the_node_whatever_its_name() -> None:
    pytest.importorskip("launch_ros", reason="launch_ros is not installed; it comes with a ROS 2 distribution")
    from madm_ros.launching import rviz_remappings

    assert rviz_remappings("event", "madm", "event_seg") == []
    for modality in ("thermal", "depth", "event"):
        displays = yaml.safe_load((ROOT / "config" / f"{modality}.rviz").read_text())["Visualization Manager"]
        topics = {display["Topic"]["Value"] for display in displays["Displays"]}
        assert topics <= {usual for usual, _ in rviz_remappings(modality, "front", "cam")}
    assert ("/madm/event_edges/edges", "/front/cam_edges/edges") in rviz_remappings("event", "front", "cam_seg")


def test_arguments_override_the_parameter_file_only_where_given() -> None:
    pytest.importorskip("launch_ros", reason="launch_ros is not installed; it comes with a ROS 2 distribution")
    from madm_ros import launching
    from madm_ros.default_names import TRANSPORT_SUFFIX
    from madm_ros.launching import parameter_overrides

    names = ("model", "device", "runtime", "store", "transport", "autostart", "confidence_threshold", "use_sim_time")
    nothing = dict.fromkeys(names, "")
    assert parameter_overrides(nothing) == {}
    given = {
        "model": "folder",
        "runtime": "openvino",
        "autostart": "false",
        "confidence_threshold": "0.5",
        "use_sim_time": "true",
    }
    assert parameter_overrides({**nothing, **given}) == {
        "model": "folder",
        "runtime": "openvino",
        "autostart": False,
        "confidence_threshold": 0.5,
        "use_sim_time": True,
    }
    assert launching.TRANSPORT_SUFFIX == TRANSPORT_SUFFIX


@pytest.mark.parametrize("path", LAUNCH_FILES, ids=lambda path: path.name)
def test_every_process_has_the_enclave_that_the_policy_of_its_launch_file_names(path: Path, tmp_path: Path) -> None:
    from policy_samples import enclaves

    arguments = {"topic": "/thermal/image_raw"} if path.name == "record.launch.py" else {}
    if path.name == "robot.launch.py":
        arguments["robot_file"] = str(tmp_path / "robot.yaml")
        text = (ROOT / "config" / "robot.yaml").read_text()
        Path(arguments["robot_file"]).write_text(f"{text}\nadapt: {{bag_roots: [/data]}}\nrecord: {{}}\n")
    modality = path.name.split("_")[0] if path.name.endswith("_seg.launch.py") else "cloud_labels"
    words = [
        ["".join(part.text for part in word if hasattr(part, "text")) for word in node.cmd]
        for node in _nodes(modality, path.name, **arguments)
    ]
    found = [line[line.index("--enclave") + 1] for line in words]
    assert sorted(found) == sorted(enclaves(path.name.removesuffix(".launch.py")))
