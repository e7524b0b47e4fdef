# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""What the docs say of parameters, launch arguments, topics and services is what nodes and launch files have."""

from __future__ import annotations

import importlib.util
import re
from collections.abc import Iterable, Sequence
from fnmatch import fnmatch
from typing import Any

import pytest
from documents import ROOT, code_words, table

pytest.importorskip("rclpy", reason="ROS 2's rclpy is not installed")

from madm_model.jobs.gate import GateConfig
from madm_model.settings import plain
from madm_ros.node_parameters import NodeParameter
from madm_ros.tools.parameter_tables import document, node_parameters

OVERVIEWS = {
    "Segmentation node": ("docs/nodes.md", "parameter"),
    "Event frame node": ("docs/nodes.md", "parameter of `event_edges`"),
    "Adaptation server": ("docs/adaptation.md", "parameter of `adapt_server`"),
    "Cloud label node": ("docs/clouds.md", "parameter of `cloud_labels`"),
    "Recorder": ("docs/when_to_adapt.md", "parameter of `recorder`"),
}
OF_EVERY_NODE = {"/rosout", "/parameter_events", "/clock"}
"""Topics that are no node's own."""


def is_default(cell: str, default: Any) -> bool:
    """Whether a cell tells a default: its value at the beginning, or words in place of an empty one."""
    if default in ("", [""]):
        return True
    told = cell.split(":")[0].strip("` ")
    if isinstance(default, bool):
        return told == str(default).lower()
    return told == default if isinstance(default, str) else told == f"{default:g}" or told == str(default)


def test_the_document_of_all_parameters_is_what_the_nodes_declare() -> None:
    written = (ROOT / "docs" / "parameters.md").read_text(encoding="utf-8")
    assert written == document(), "run: python -m madm_ros.tools.parameter_tables > docs/parameters.md"


@pytest.mark.parametrize("node", OVERVIEWS)
def test_every_parameter_is_in_the_overview_with_its_default(node: str) -> None:
    left, wrong = {parameter.name: parameter for parameter in node_parameters()[node]}, []
    for names, default, *more in table(*OVERVIEWS[node]):
        for documented in code_words(names):
            meant = [left.pop(name) for name in list(left) if fnmatch(name, documented)]
            if not meant:
                wrong.append(f"{documented} is told, and there is none")
            wrong += _differences(documented, default, more[:-1], meant)
    assert not wrong
    assert not left.keys(), "not in the table"


def _differences(documented: str, default: str, live: Sequence[str], meant: Iterable[NodeParameter]) -> list[str]:
    wrong = []
    for parameter in meant:
        if "*" not in documented and not is_default(default, parameter.default):
            wrong.append(f"{parameter.name}: {default} is told, {parameter.default!r} is it")
        if live and (live[0] == "yes") != parameter.live:
            wrong.append(f"{parameter.name}: live is told as '{live[0]}', and is {parameter.live}")
    return wrong


def launch_arguments(file: str) -> dict[str, str]:
    """Names and defaults of a launch file; of a path in the package what follows its folder."""
    pytest.importorskip("launch_ros", reason="launch_ros is not installed; it comes with a ROS 2 distribution")
    spec = importlib.util.spec_from_file_location(file.replace(".", "_"), ROOT / "launch" / file)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return {
        argument.name: _text(argument.default_value)
        for argument in module.generate_launch_description().get_launch_arguments()
    }


def _text(part: Any) -> str:
    """The text of a substitution, the parts of a path joined by slashes; empty for the package's folder."""
    if isinstance(part, (list, tuple)):
        return "".join(map(_text, part))
    if hasattr(part, "substitutions"):
        return "/".join(filter(None, map(_text, part.substitutions)))
    return getattr(part, "text", "")


def test_every_launch_argument_is_in_the_table_with_its_default() -> None:
    files = [launch_arguments(f"{modality}_seg.launch.py") for modality in ("thermal", "depth", "event")]
    known, wrong, told = {name for file in files for name in file}, [], set()
    for names, default, _ in table("docs/nodes.md", "launch argument"):
        row = set(code_words(names))
        wrong += [f"{name} is told, and there is none" for name in row - known]
        told |= row
        defaults = {file[name] for file in files for name in row & file.keys()} - {""}
        # Where the launch file leaves it open, the cell says who decides.
        documented = {word for word in code_words(default) if word not in known and not word.startswith("~")}
        if not all(any(fnmatch(value, word) for word in documented) for value in defaults) or not all(
            any(fnmatch(value, word) for value in defaults) for word in documented
        ):
            wrong.append(f"{', '.join(sorted(row))}: {default} is told, {', '.join(sorted(defaults))} is it")
    assert not wrong
    assert not known - told, "not in the table"


@pytest.mark.parametrize(
    ("file", "document"),
    [
        ("adapt.launch.py", "adaptation.md"),
        ("record.launch.py", "when_to_adapt.md"),
        ("cloud_labels.launch.py", "clouds.md"),
    ],
)
def test_every_launch_argument_of_the_other_launch_files_is_told(file: str, document: str) -> None:
    text = (ROOT / "docs" / document).read_text(encoding="utf-8")
    (told,) = re.findall(rf"^Launch arguments of `{file}`: (.*?)\.$", text, re.MULTILINE | re.DOTALL)
    assert set(code_words(told)) == launch_arguments(file).keys()


def test_every_launch_argument_of_the_robot_is_told() -> None:
    text = (ROOT / "docs" / "tutorials" / "two_cameras.md").read_text(encoding="utf-8")
    (told,) = re.findall(r"Launch arguments of\s`robot.launch.py`: (.*?);", text, re.MULTILINE | re.DOTALL)
    assert set(code_words(told)) == launch_arguments("robot.launch.py").keys()


def types_by_name(rows: Iterable[Sequence[str]], name: str) -> dict[str, str]:
    """Topics and the names of their types out of a table's rows, `~` resolved for a node of that name."""
    found = {}
    for names, types, *_ in rows:
        topics, kinds = code_words(names), re.findall(r"\b[A-Z]\w+", types)
        for index, topic in enumerate(topics):
            resolved = topic.replace("~", name) if topic[0] in "~/" else f"/{topic}"
            found[resolved] = kinds[min(index, len(kinds) - 1)]
    return found


def test_every_field_and_every_state_of_a_job_is_in_its_table() -> None:
    from madm_msgs.msg import AdaptJob

    from madm_model.jobs.state import State

    fields = [name for row in table("docs/adaptation.md", "field of a `job`") for name in code_words(row[0])]
    assert fields == list(AdaptJob.get_fields_and_field_types())
    assert [row[0] for row in table("docs/adaptation.md", "state of a job")] == [state.value for state in State]


def test_the_limits_of_the_gate_are_those_of_its_settings() -> None:
    text = " ".join(" ".join(row) for row in table("docs/adaptation.md", "check"))
    told = dict(re.findall(r"`(\w+)` ([\d.]+)", text))
    limits = {name: f"{default:g}" for name, default in plain(GateConfig()).items() if isinstance(default, float)}
    assert told == limits


def test_the_segmentation_node_has_the_topics_of_the_table(peer, start_node) -> None:
    from ros_helpers import wait_until
    from sensor_msgs.msg import CameraInfo, Image

    told = types_by_name(table("docs/nodes.md", "topic"), "/segmentation_node")
    for kind, topic in ((Image, "/image"), (CameraInfo, "/camera_info")):
        peer.publisher(kind, topic)  # the node listens once someone publishes
    node = start_node(modality="depth")

    def present() -> dict[str, str]:
        ends = [*node.publishers, *node.subscriptions]
        return {
            end.topic_name: end.msg_type.__name__
            for end in ends
            if end.topic_name not in OF_EVERY_NODE and not end.topic_name.endswith("/transition_event")
        }

    wait_until(lambda: {"/image", "/camera_info"} <= present().keys(), "the subscriptions")
    assert present() == told


def test_the_event_frame_node_has_the_topics_of_the_table(ros) -> None:
    from madm_ros.events.frame_node import EventFrameNode

    node = EventFrameNode(use_global_arguments=False)
    try:
        present = {publisher.topic_name: publisher.msg_type.__name__ for publisher in node.publishers}
    finally:
        node.destroy_node()
    told = types_by_name(table("docs/nodes.md", "topic of `event_edges`"), "/event_frame_node")
    assert told.keys() - present.keys() == {"/events", "/reference_image"}  # subscribed to once someone publishes
    assert {name: kind for name, kind in present.items() if name not in OF_EVERY_NODE}.items() <= told.items()


def test_the_cloud_label_node_has_the_topics_of_the_table(ros) -> None:
    from madm_ros.clouds.node import CloudLabelNode

    node = CloudLabelNode(use_global_arguments=False)
    try:
        ends = [*node.publishers, *node.subscriptions]
        present = {end.topic_name: end.msg_type.__name__ for end in ends if end.topic_name not in OF_EVERY_NODE}
    finally:
        node.destroy_node()
    told = types_by_name(table("docs/clouds.md", "topic of `cloud_labels`"), "/cloud_labels")
    present = {name: kind for name, kind in present.items() if name not in ("/tf", "/tf_static")}
    assert present.items() <= told.items()
    # Subscribed to once someone publishes.
    assert told.keys() - present.keys() == {"/cloud", "/labels", "/confidence", "/camera_info"}


def test_the_adaptation_server_has_the_services_of_the_table(start_server) -> None:
    server = start_server()
    told: dict[str, set[str]] = {"service": set(), "action": set(), "topic": set()}
    for names, kind, _ in table("docs/adaptation.md", "name"):
        (name,), (type_name, *_) = code_words(names), code_words(kind)
        told[kind.split()[0] if not kind.startswith("`") else "topic"].add((name, type_name.rpartition("/")[2]))
    own = [service for service in server.services if "parameter" not in service.service_name]
    assert told["service"] == {
        (service.service_name, service.srv_type.__name__)
        for service in own
        if not service.service_name.endswith("/get_type_description")
    }
    actions = [waitable for waitable in server.waitables if hasattr(waitable, "register_cancel_callback")]
    assert told["action"] == {("/madm/adapt", "Adapt")}
    assert len(actions) == 1
    published = {(publisher.topic_name, publisher.msg_type.__name__) for publisher in server.publishers}
    assert told["topic"] == {pair for pair in published if pair[0] not in OF_EVERY_NODE}
