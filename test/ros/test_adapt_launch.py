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

from madm_model.checkpoint.model_folder import embedded_model
from madm_model.events.edge_config import EdgeConfig
from madm_ros import adapt_parameters
from madm_ros.adapt_messages import to_request

PATH = Path(__file__).resolve().parents[2] / "launch" / "adapt.launch.py"


@pytest.fixture
def declare(ros):
    nodes = []

    def make(**values) -> adapt_parameters.AdaptSettings:
        overrides = [Parameter(name, value=value) for name, value in values.items()]
        nodes.append(Node("adapt_parameters", parameter_overrides=overrides, use_global_arguments=False))
        return adapt_parameters.declare(nodes[-1])

    yield make
    for node in nodes:
        node.destroy_node()


def test_the_launch_file_splits_the_roots_and_starts_the_server() -> None:
    pytest.importorskip("launch_ros", reason="the launch system is not installed")
    from launch import LaunchContext

    spec = importlib.util.spec_from_file_location("adapt_launch", PATH)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert module.generate_launch_description().entities
    context = LaunchContext()
    context.launch_configurations.update({name: default for name, (default, _) in module.ARGUMENTS.items()})
    context.launch_configurations["bag_roots"] = "/data/one:/data/two"
    (node,) = module.server(context)
    assert node.node_executable == "adapt_server"


def test_defaults(declare) -> None:
    settings = declare()
    assert (settings.modality, settings.model) == ("thermal", embedded_model("thermal"))
    assert declare(modality="depth").model == embedded_model("depth")
    assert settings.store == Path.home() / ".madm" / "thermal"
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
        ({"thermal.gain": "loud"}, "gain 'loud' is not one of"),
        ({"modality": "event", "edges.mode": "loud"}, "mode is 'loud'"),
    ],
)
def test_wrong_values_are_refused(declare, values, message) -> None:
    with pytest.raises(ValueError, match=message):
        declare(**values)


def test_a_number_out_of_range_is_refused(declare) -> None:
    with pytest.raises(rclpy.exceptions.InvalidParameterValueException):
        declare(keep=0)
