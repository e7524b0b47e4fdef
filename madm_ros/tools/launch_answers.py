# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""What launch files ask of the environment that the executables run in; see `madm_ros.launch_checks.ask`.

launch_answers bag_topics recording
launch_answers robot_processes robot.yaml
"""

from __future__ import annotations

import json
import sys
from typing import Any

from madm_model.io.bags import BagReader
from madm_ros.robot.config import read_robot
from madm_ros.robot.processes import processes
from madm_ros.running import REFUSALS


def bag_topics(bag: str) -> dict[str, str]:
    """Topics of a bag to their types."""
    with BagReader(bag) as reader:
        return {name: topic.type for name, topic in reader.topics().items()}


def robot_processes(file: str) -> dict[str, Any]:
    """What a robot's file wants started."""
    return processes(read_robot(file))


QUESTIONS = {question.__name__: question for question in (bag_topics, robot_processes)}


def answer(question: str, path: str) -> dict[str, Any]:
    """The answer, of plain values.

    Raises:
        RuntimeError: the file cannot be read, or something in it makes no sense.
    """
    try:
        return QUESTIONS[question](path)
    except REFUSALS as error:
        raise RuntimeError(" ".join(str(error).split())) from None


def main() -> None:
    """Entry point: the answer as JSON on standard output, or one line on standard error and status 1."""
    try:
        print(json.dumps(answer(*sys.argv[1:])))
    except RuntimeError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
