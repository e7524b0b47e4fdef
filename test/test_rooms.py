# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""Imports between rooms, which are the folders of madm_model and madm_ros, point one way."""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
ROS = {
    "rclpy",
    "launch",
    "launch_ros",
    "ament_index_python",
    "rosidl_runtime_py",
    "sensor_msgs",
    "std_msgs",
    "madm_msgs",
}
ONLY = {
    "madm_model.io": set(),
    "madm_model.network": {"madm_model.architecture"},
    "madm_model.modalities": {"madm_model.io", "madm_model.settings"},
    "madm_model.events": {"madm_model.io", "madm_model.settings"},
    "madm_model.geometry": {"madm_model.io", "madm_model.labels", "madm_model.settings"},
    "madm_ros.sharing": {"madm_model.checkpoint", "madm_model.model_config"},
}
"""Rooms on the ground, and all that they may import of this project."""
IMPORTED_BY = {
    "madm_model.cli": set(),
    "madm_model.jobs": {"madm_model.cli", "madm_model.speed", "madm_model.benchmark", "madm_ros.adapt"},
    "madm_ros.robot": {"madm_ros.executables", "madm_ros.tools"},
    "madm_ros.adapt": {"madm_ros.tools", "madm_ros.executables", "madm_ros.robot"},
    "madm_ros.events": {  # adapt has its parameters, recorder its queue
        "madm_ros.tools",
        "madm_ros.executables",
        "madm_ros.adapt",
        "madm_ros.recorder",
        "madm_ros.robot",
    },
    "madm_ros.clouds": {"madm_ros.tools", "madm_ros.executables"},
    "madm_ros.recorder": {"madm_ros.tools", "madm_ros.executables"},
    "madm_ros.segmentation": {  # events makes both nodes, clouds has its subscriptions and points
        "madm_ros.tools",
        "madm_ros.executables",
        "madm_ros.events",
        "madm_ros.robot",
        "madm_ros.clouds",
    },
    "madm_ros.sharing": {
        "madm_ros.tools",
        "madm_ros.segmentation",
        "madm_ros.recorder",
        "madm_ros.events",
        "madm_ros.robot",
    },
}
"""Rooms at the top, and all that may import them."""


def imported(path: Path) -> Iterator[str]:
    """Dotted names of what a file imports, at its head and within functions."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def room(module: str) -> str:
    """Folder or, beside the folders, file that a module is in: package and the name that follows it."""
    return ".".join(module.split(".")[:2])


@pytest.fixture(scope="module")
def imports() -> dict[str, dict[str, set[str]]]:
    """Room to what it imports, other rooms and packages, and by which files."""
    found: dict[str, dict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
    for package in ("madm_model", "madm_ros"):
        for path in sorted((ROOT / package).rglob("*.py")):
            here = room(".".join(path.relative_to(ROOT).with_suffix("").parts))
            for name in imported(path):
                there = room(name) if name.split(".")[0] in ("madm_model", "madm_ros") else name.split(".")[0]
                if there not in (here, "madm_model", "madm_ros"):
                    found[here][there].add(str(path.relative_to(ROOT)))
    return found


def drawn() -> dict[str, int]:
    """Folder to the number of its line in CONTRIBUTING's drawing, from above."""
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    (drawing,) = re.findall(r"^```\n(madm_model +madm_ros\n.*?)^```", text, re.MULTILINE | re.DOTALL)
    head, _, *lines = drawing.splitlines()
    middle = head.index("madm_ros")
    found = {}
    for number, line in enumerate(lines):
        found |= {f"madm_model.{name}": number for name in line[:middle].split()}
        found |= {f"madm_ros.{name}": number for name in line[middle:].split()}
    return found


def test_folders_import_from_the_lines_below_theirs_in_the_drawing(imports) -> None:
    lines = drawn()
    folders = {f"{path.parent.parent.name}.{path.parent.name}" for path in ROOT.glob("madm_*/*/__init__.py")}
    assert lines.keys() == folders
    wrong = {
        f"{here} imports {there}": imports[here][there]
        for here in lines
        for there in imports[here].keys() & lines.keys()
        if lines[there] <= lines[here]
    }
    assert not wrong


def test_the_model_imports_no_ros(imports) -> None:
    for here, names in imports.items():
        if here.startswith("madm_model"):
            wrong = {name for name in names if name in ROS or name.startswith("madm_ros") or name.endswith("_msgs")}
            assert not wrong, {name: names[name] for name in wrong}


@pytest.mark.parametrize("here", ONLY)
def test_rooms_on_the_ground_know_no_others(imports, here: str) -> None:
    own = {there for there in imports[here] if there.startswith(("madm_model.", "madm_ros."))}
    assert own <= ONLY[here], {there: imports[here][there] for there in own - ONLY[here]}


@pytest.mark.parametrize("there", IMPORTED_BY)
def test_rooms_at_the_top_are_known_to_few(imports, there: str) -> None:
    by = {here for here in imports if there in imports[here]}
    assert by <= IMPORTED_BY[there], {here: imports[here][there] for here in by - IMPORTED_BY[there]}
