# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""The demo's page: the video, the sheet, the numbers, and what to try next."""

from __future__ import annotations

import base64
import math
import os
import shlex
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined

from madm_model.evaluation import SegmentationScores
from madm_model.labels import LabelSet

_TEMPLATE = "demo_page.html"
"""The page with holes, beside this file."""


@dataclass(frozen=True)
class Step:
    """A command to try after the demo."""

    title: str
    command: str
    what_for: str


@dataclass(frozen=True)
class DemoPage:
    """What the page tells."""

    modality: str
    model: str
    video: Path
    """Shown from where it is: it has to stay in the page's folder."""
    sheet: Path
    """PNG; the page holds a copy of it."""
    numbers: Sequence[tuple[str, str, str]]
    """Name, value and meaning of each."""
    label_set: LabelSet
    scores: Mapping[str, SegmentationScores]
    """By the name of the model: those of the node, and of what it is compared with."""
    steps: Sequence[Step]


def write_page(path: Path, page: DemoPage) -> None:
    """Write the page, one file of HTML that shows the video beside it and needs no network.

    Raises:
        OSError: the sheet cannot be read, or the page cannot be written.
    """
    classes = [
        (
            name,
            "#{:02x}{:02x}{:02x}".format(*colour),
            [_percent(scores.class_iou[index]) for scores in page.scores.values()],
        )
        for index, (name, colour) in enumerate(zip(page.label_set.names, page.label_set.palette))
    ]
    environment = Environment(
        loader=PackageLoader("madm_ros", "tools"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    text = environment.get_template(_TEMPLATE).render(
        page=page,
        sheet=base64.b64encode(page.sheet.read_bytes()).decode("ascii"),
        classes=classes,
        means=[_percent(scores.miou) for scores in page.scores.values()],
    )
    path.write_text(text, encoding="utf-8", errors="backslashreplace")


def _percent(share: float) -> str:
    """A share in percent; a dash for a class that occurs nowhere."""
    return "-" if math.isnan(share) else f"{100 * share:.1f}"


def next_steps(modality: str, bag: Path, topic: str, out: Path) -> list[Step]:
    """Three commands to try after a demo, which run as they stand in the folder that it was started in.

    Args:
        modality: of the demo.
        bag: the drive that it has simulated.
        topic: of the sensor in it.
        out: the demo's folder.
    """
    python, madm = _program("python"), _program("madm")

    def on_the_drive(command: str, topic: str, sensor: str, options: str, folder: str) -> str:
        target = shlex.quote(str(out / f"{sensor}_{folder}"))
        return f"{madm} {command} {shlex.quote(str(bag))} --topic {topic} --modality {sensor}{options} --out {target}"

    other = "depth" if modality == "thermal" else "thermal"
    return [
        Step(
            "The same without ROS",
            on_the_drive("segment", topic, modality, "", "result"),
            "Writes label images, a video and a bag with both. Put a recording of your own in place of the drive.",
        ),
        Step(
            "Learn a sensor without a label of it",
            # Colour is what the embedded models come from: from there the way leads to heat.
            on_the_drive("adapt", "/thermal/image_raw", "thermal", " --minutes 5", "store")
            if modality == "rgb"
            else on_the_drive("adapt", topic, modality, " --minutes 5", "store"),
            "Adapts the model to the recording and leaves a page that compares before and after. Twelve seconds of one "
            "street teach little; minutes of your own camera are what it is for.",
        ),
        Step(
            "Another sensor",
            f"{python} -m madm_ros.tools.demo --modality {other}",
            "thermal, depth, event (the edges of an event camera) or rgb; each leaves a page beside this one.",
        ),
    ]


def _program(name: str) -> str:
    """How a program of this environment is called from here: its path, or by `ros2 run` where it has none."""
    path = Path(sys.executable).parent / name
    if not path.is_file():
        return f"ros2 run madm_ros {name}" if name == "madm" else shlex.quote(sys.executable)
    return shlex.quote(os.path.relpath(path) if path.is_relative_to(Path.cwd()) else str(path))
