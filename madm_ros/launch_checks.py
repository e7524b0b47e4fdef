# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""What a launch file looks at before it starts anything: one clear line in place of half a system."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from ament_index_python.packages import PackageNotFoundError, get_package_prefix

from launch import LaunchContext


def refuse_unknown_arguments(context: LaunchContext, file: str, known: Collection[str]) -> None:
    """Refuse what `ros2 launch` was given and the file does not declare; it would be ignored without a word.

    Only where the file itself was launched: where another one includes it, the arguments are that one's.

    Raises:
        RuntimeError: naming the arguments that there are.
    """
    if not any(Path(argument).name == file for argument in sys.argv):
        return
    given = [argument.split(":=")[0] for argument in context.argv if ":=" in argument]
    if unknown := [name for name in given if name not in known]:
        raise RuntimeError(f"{file} has no argument {', '.join(unknown)}; it has {', '.join(sorted(known))}")


def require_rviz() -> None:
    """Refuse `rviz:=true` where RViz is not installed.

    Raises:
        RuntimeError: it is not.
    """
    try:
        get_package_prefix("rviz2")
    except PackageNotFoundError:
        raise RuntimeError(
            "rviz:=true, but the package rviz2 is not installed: install it, or leave rviz out"
        ) from None


def require_topic(bag: str, topics: Mapping[str, str], wanted: Collection[str], advice: str) -> None:
    """Refuse a bag that has nothing for the node.

    Args:
        bag: path of the bag.
        topics: it has, to their types: `ask("bag_topics", bag)`.
        wanted: topics, one of which it must have, the usual one first.
        advice: what to do about it.

    Raises:
        RuntimeError: naming the topics that there are.
    """
    if not set(wanted) & topics.keys():
        has = ", ".join(f"{name} ({kind})" for name, kind in topics.items())
        raise RuntimeError(f"{bag} has no topic {next(iter(wanted))}; it has {has}: {advice}")


def ask(question: str, path: str) -> dict[str, Any]:
    """What `madm_ros.tools.launch_answers` says about a file.

    The command `ros2` of a distribution runs in the system's Python, also where an environment is active, and what is
    from pip alone lies in the environment that the executables run in: it is asked where this Python lacks something.

    Raises:
        RuntimeError: the file cannot be read, or something in it makes no sense.
    """
    try:
        from madm_ros.tools.launch_answers import answer
    except ImportError:  # of another version, too
        program = Path(get_package_prefix("madm_ros"), "lib", "madm_ros", "launch_answers")
        asked = subprocess.run([program, question, path], capture_output=True, text=True, check=False)
        if asked.returncode != 0:
            raise RuntimeError((asked.stderr.strip().splitlines() or [f"{program} failed"])[-1]) from None
        return json.loads(asked.stdout)
    return answer(question, path)


def require_number(argument: Mapping[str, str], name: str) -> float:
    """The value of an argument that has to be a number.

    Raises:
        RuntimeError: it is none.
    """
    try:
        return float(argument[name])
    except ValueError:
        raise RuntimeError(f"{name}:={argument[name]} is not a number") from None
