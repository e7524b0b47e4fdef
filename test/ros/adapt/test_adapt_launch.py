# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""The launch file of the adaptation server, and the parameters it gives."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

pytest.importorskip("rclpy", reason="ROS 2's rclpy is not installed")

import rclpy
from madm_msgs.msg import AdaptJob
from rclpy.node import Node
from rclpy.parameter import Parameter

from madm_model.checkpoint.model_names import embedded_model
from madm_model.events.edge_config import EdgeConfig
from madm_ros.adapt import parameters as adapt_parameters
from madm_ros.adapt.messages import to_request
from madm_ros.default_names import default_store

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def declare(ros):
    nodes = []

    def make(namespace: str = "madm", **values) -> adapt_parameters.AdaptSettings:
        overrides = [Parameter(name, value=value) for name, value in values.items()]
        options = {"parameter_overrides": overrides, "use_global_arguments": False}
        nodes.append(Node("adapt_parameters", namespace=namespace, **options))
        return adapt_parameters.declare(nodes[-1])

    yield make
    for node in nodes:
        node.destroy_node()


def test_the_launch_file_starts_the_server_with_the_parameters_of_the_modality() -> None:
    pytest.importorskip("launch_ros", reason="the launch system is not installed")
    from launch.actions import DeclareLaunchArgument, OpaqueFunction

    from launch import LaunchContext
    from madm_ros import launching

    spec = importlib.util.spec_from_file_location("adapt_launch", ROOT / "launch" / "adapt.launch.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    context = LaunchContext()
    context.launch_configurations["bag_roots"] = "/data/one:/data/two"
    context.launch_configurations["params_file"] = str(ROOT / "config" / "thermal.yaml")
    nodes = []
    for action in module.generate_launch_description().entities:
        if isinstance(action, DeclareLaunchArgument):
            action.execute(context)
        elif isinstance(action, OpaqueFunction):
            nodes += action.execute(context)
    assert [node.node_executable for node in nodes] == ["adapt_server"]
    assert launching.adapt_overrides(context.launch_configurations) == {"bag_roots": ["/data/one", "/data/two"]}
    context.launch_configurations.update(modality="depth", store="/data/store", bag_roots="")
    assert launching.adapt_overrides(context.launch_configurations) == {"modality": "depth", "store": "/data/store"}
    assert adapt_parameters.ADAPTED_MODALITIES == launching.ADAPTED_MODALITIES


@pytest.mark.parametrize("modality", ["thermal", "depth", "event"])
def test_one_file_of_parameters_serves_the_segmentation_node_and_the_server(ros, tmp_path, modality) -> None:
    path = tmp_path / "params.yaml"
    text = (ROOT / "config" / f"{modality}.yaml").read_text()
    for change in (
        ("invert: false", "invert: true"),
        ("mode: decay", "mode: polarity"),
        ("encoding: log", "encoding: linear"),
        ("# keep: 5", "keep: 3"),
    ):
        text = text.replace(*change)
    path.write_text(text)
    arguments = ["--ros-args", "--params-file", str(path)]
    node = Node("adapt_server", namespace="/madm", cli_args=arguments, use_global_arguments=False)
    settings = adapt_parameters.declare(node)
    node.destroy_node()
    assert (settings.modality, settings.keep) == (modality, 3)
    changed = {"thermal": {"invert": True}, "depth": {"encoding": "linear"}, "event": {"invert": True}}[modality]
    assert changed.items() <= settings.preprocessing.items()
    assert settings.edges.get("mode", "polarity") == "polarity"


def test_defaults(declare) -> None:
    settings = declare()
    assert (settings.modality, settings.model) == ("thermal", embedded_model("thermal"))
    assert declare(modality="depth").model == embedded_model("depth")
    assert settings.store == Path.home() / ".madm" / "thermal"
    assert declare("front").store == Path.home() / ".madm" / "front" / "thermal"
    assert default_store("thermal", "/robot/front/") == Path.home() / ".madm" / "robot" / "front" / "thermal"
    assert settings.bag_roots == ()
    assert settings.threads >= 1
    assert settings.preprocessing["gain"] == "percentile"


def test_values_are_taken_over(declare) -> None:
    settings = declare(
        modality="depth", store="~/versions", bag_roots=["/data", ""], keep=2, **{"depth.encoding": "linear"}
    )
    assert settings.store == Path.home() / "versions"
    assert settings.bag_roots == (Path("/data"),)
    assert settings.preprocessing["encoding"] == "linear"
    assert settings.job_fields(Path("/base"))["keep"] == 2
    assert settings.recordings == (Path.home() / ".madm" / "recordings" / "recorder",)
    settings = declare(**{"on_shift.recordings": "~/kept/front:/kept/rear"})
    assert settings.recordings == (Path.home() / "kept" / "front", Path("/kept/rear"))


def test_events_bring_the_settings_of_their_edge_frames(declare) -> None:
    settings = declare(modality="event", **{"edges.mode": "time_surface", "edges.period_s": 0.05, "event.invert": True})
    assert settings.preprocessing == {"invert": True}
    job = AdaptJob(bag_uris=["/bag"], iterations=1)
    request = to_request(job, settings.modality, settings.preprocessing, **settings.job_fields(Path("/base")))
    assert request.target.modality == "event"
    assert request.target.edge_config() == EdgeConfig(mode="time_surface", period_s=0.05)
    assert declare(modality="depth").edges == {}


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"modality": "sonar"}, "modality is 'sonar'"),
        ({"thermal.gain": "loud"}, "gain is 'loud'"),
        ({"modality": "event", "edges.mode": "loud"}, "mode is 'loud'"),
    ],
)
def test_wrong_values_are_refused(declare, values, message) -> None:
    with pytest.raises(ValueError, match=message):
        declare(**values)


def test_a_number_out_of_range_is_refused(declare) -> None:
    with pytest.raises(rclpy.exceptions.InvalidParameterValueException):
        declare(keep=0)
