# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""What tests of adaptation need: a network of a moment, a recording and a labelled source, all of 48x32 pixels."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch

from madm_model.adaptation.data.target_bags import TargetSelection
from madm_model.architecture import TINY
from madm_model.checkpoint.model_folder import build_student, save_model
from madm_model.io.bags import BagWriter, make_image_message
from madm_model.jobs.job import AdaptationJob
from madm_model.jobs.request import JobFolder, JobRequest
from madm_model.labels import STREET_11
from madm_model.model_config import ModelConfig
from madm_model.network.madm import MADM
from madm_model.store import VersionStore
from madm_model.students.architecture import SWIFTNET

MINIATURE = replace(
    TINY,
    name="miniature",
    unet_block_out_channels=(8, 8, 16, 16),
    unet_down_block_types=("DownBlock2D", "DownBlock2D", "CrossAttnDownBlock2D", "DownBlock2D"),
    unet_attention_heads=2,
    unet_norm_num_groups=4,
    cross_attention_dim=8,
    vae_block_out_channels=(4, 8),
    vae_norm_num_groups=2,
    projection_bottleneck=8,
    projection_out=(8, 12, 12, 12),
    projection_norm_num_groups=4,
    head_channels=8,
)
SMALL_STUDENT = replace(SWIFTNET, name="small", widths=(4, 8, 8, 16), blocks=(1, 1, 2, 1), decoder_width=8)
HEIGHT, WIDTH = 32, 48
CONFIG = ModelConfig("miniature", MINIATURE, STREET_11, "rgb", (HEIGHT, WIDTH), keep_aspect=True)
TOPIC = "/thermal/image_raw"
COLOUR = "/colour/image_raw"
GAIN = {"gain": "fixed", "fixed_min": 6900.0, "fixed_max": 9100.0}
"""Settings of thermal whose gain does not depend on the frames before."""

LENIENT = {"agreement_drop": "1", "confidence_drop": "1", "class_ratio": "0", "largest_class": "1"} | {
    "gate.frames": "2",
    "temporal_drop": "1",
    "source_miou_drop": "1",
    "fewest_regions": "10000",
    "activation_iterations": "1",
    "activation_frames": "1",
}
"""Options under which the gate lets a network of random weights pass."""
SMALL = {"batch_size": "1", "crop_height": "16", "crop_width": "16", "min_frames": "4"} | {
    "known_frames": "0",
    **{"target_norm_batches": "0", "source_norm_batches": "0"},
    "earlier_states": "0",
}
"""Options that make a job quick."""


def write_model(folder: Path, seed: int = 0, **changes: Any) -> Path:
    """A model folder with random weights."""
    torch.manual_seed(seed)
    save_model(folder, MADM(MINIATURE, len(STREET_11)).eval(), replace(CONFIG, **changes), torch.float16)
    return folder


def write_student(folder: Path, seed: int = 0, **changes: Any) -> Path:
    """A model folder of a small student with random weights."""
    torch.manual_seed(seed)
    config = replace(CONFIG, name="small", architecture=SMALL_STUDENT, modality="thermal", input_size=(32, 64))
    config = replace(config, **changes)
    save_model(folder, build_student(SMALL_STUDENT, len(config.label_set)).eval(), config, torch.float16)
    return folder


def thermal_frames(count: int, first: int = 0) -> Iterator[np.ndarray]:
    """Warm blocks that move over a cold background, uint16 (32, 48)."""
    background = np.random.default_rng(3).integers(7000, 7400, (HEIGHT, 200)).astype(np.uint16)
    for number in range(first, first + count):
        frame = background[:, 2 * number % 140 :][:, :WIDTH].copy()
        frame[8:24, 4 + number % 30 : 16 + number % 30] = 9000
        yield frame


def write_bag(path: Path, count: int = 24, topic: str = TOPIC) -> Path:
    """A bag of thermal images, ten a second."""
    with BagWriter(path) as bag:
        for number, frame in enumerate(thermal_frames(count)):
            stamp_ns = 1_000_000_000 + number * 100_000_000
            bag.write(topic, make_image_message(frame, "mono16", stamp_ns, "thermal"), stamp_ns)
    return path


def write_pairs(
    path: Path,
    count: int = 24,
    shift_s: float = 0.02,
    lacking: Sequence[int] = (),
    height: int = 16,
    width: int = 24,
    encoding: str = "rgb8",
) -> Path:
    """Thermal frames, ten a second, and colour images whose value tells their number, recorded half a second later."""
    messages = []
    for number, frame in enumerate(thermal_frames(count)):
        stamp_ns = 1_000_000_000 + number * 100_000_000
        messages.append((stamp_ns, TOPIC, make_image_message(frame, "mono16", stamp_ns, "thermal")))
        if number not in lacking:
            image = np.full((height, width, 3), 10 * number + 10, np.uint8)
            image = image if encoding == "rgb8" else image[..., 0].astype(np.uint16)
            taken_ns = stamp_ns + round(shift_s * 1e9)
            message = make_image_message(image, encoding, taken_ns, "colour")
            messages.append((taken_ns + 500_000_000, COLOUR, message))
    with BagWriter(path) as bag:
        for recorded_ns, topic, message in sorted(messages, key=lambda one: one[0]):
            bag.write(topic, message, recorded_ns)
    return path


def write_source(folder: Path, count: int = 6, classes: int = 11) -> Path:
    """A labelled source: blocks of colour, with their number as the class."""
    for name in ("images", "labels"):
        (folder / name).mkdir(parents=True)
    generator = np.random.default_rng(1)
    for number in range(count):
        labels = np.kron(generator.integers(0, classes, (4, 6)), np.ones((8, 8), int)).astype(np.uint8)
        image = (labels[..., None] * (20, 10, 5) + 30).astype(np.uint8)
        cv2.imwrite(str(folder / "images" / f"{number}.png"), image)
        cv2.imwrite(str(folder / "labels" / f"{number}.png"), labels)
    return folder


def make_request(tmp_path: Path, bag: Path, iterations: int = 3, lenient: bool = True) -> JobRequest:
    """A small job on a bag, with a source and a model of its own under tmp_path."""
    base = tmp_path / "base"
    if not base.exists():
        write_model(base)
        write_source(tmp_path / "source")
    return JobRequest(
        TargetSelection((str(bag),), "thermal"),
        iterations,
        source=f"{tmp_path / 'source'}=1",  # alone: beside it, streets would be rendered
        options={**SMALL, **(LENIENT if lenient else {})},
        base=str(base),
        threads=1,
        device="cpu",
    )


class Run:
    """Runs a job in this process, and keeps what it told.

    Attributes:
        events: what it told, oldest first.
        stop_after: after so many iterations it is canceled.
        on_state: called with every state it tells, when it tells it.
    """

    def __init__(self, store: VersionStore, request: JobRequest | None = None, job_id: str = "") -> None:
        self.folder = JobFolder.create(store.root, request) if request else JobFolder(store.root, job_id)
        self.events: list[dict[str, Any]] = []
        self.stop_after = -1
        self.on_state: Callable[[dict[str, Any]], object] = lambda event: None

    def __call__(self) -> str:
        return AdaptationJob(self.folder.path.parent.parent, self.folder.job_id, self._on_event, self._stop).run()

    def of(self, kind: str) -> list[dict[str, Any]]:
        """The events of a kind."""
        return [event for event in self.events if event["event"] == kind]

    def _on_event(self, event: dict[str, Any]) -> None:
        self.events.append(json.loads(json.dumps(event)))  # what is told has to be JSON
        if event["event"] == "state":
            self.on_state(event)

    def _stop(self) -> bool:
        return len(self.of("progress")) == self.stop_after
