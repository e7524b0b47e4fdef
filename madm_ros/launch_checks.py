# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""What a launch file looks at before it starts anything: one clear line in place of half a system."""

from __future__ import annotations

import sys
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path

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


def require_topic(bag: str, wanted: Iterable[str], advice: str) -> None:
    """Refuse a bag that has nothing for the node.

    Args:
        bag: path of the bag.
        wanted: topics, one of which it must have.
        advice: what to do about it.

    Raises:
        RuntimeError: naming the topics that there are.
    """
    from madm_model.io.bags import BagReader
    from madm_model.io.frames import InputError

    try:
        with BagReader(bag) as reader:
            topics = {name: topic.type for name, topic in reader.topics().items()}
    except InputError as error:
        raise RuntimeError(str(error)) from None
    wanted = list(wanted)
    if not set(wanted) & topics.keys():
        has = ", ".join(f"{name} ({kind})" for name, kind in topics.items())
        raise RuntimeError(f"{bag} has no topic {wanted[0]}; it has {has}: {advice}")


def require_number(argument: Mapping[str, str], name: str) -> float:
    """The value of an argument that has to be a number.

    Raises:
        RuntimeError: it is none.
    """
    try:
        return float(argument[name])
    except ValueError:
        raise RuntimeError(f"{name}:={argument[name]} is not a number") from None
