# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""The recipe of a student: a small network for one modality, trained on the simulator's labelled frames alone."""

from __future__ import annotations

import copy
import platform
from collections.abc import Iterator
from dataclasses import field, replace
from pathlib import Path
from typing import Annotated

import numpy as np
import torch
from pydantic import Field
from rich.console import Console
from torch import nn

from madm_model.checkpoint.model_folder import WEIGHTS_FILE, build_student, load_model, save_model
from madm_model.checkpoint.model_names import resolve_model
from madm_model.evaluation import SegmentationScores
from madm_model.labels import STREET_11
from madm_model.model_config import MODALITIES, ModelConfig, ModelError
from madm_model.segmenter import Segmenter
from madm_model.settings import plain, settings
from madm_model.store.version import checksum
from madm_model.students.architecture import STUDENTS, StudentArchitecture
from madm_model.training.appearance import AppearanceConfig, random_appearance
from madm_model.training.claim import claim
from madm_model.training.config import POOL_MODALITIES
from madm_model.training.embedded import score_pool, score_table
from madm_model.training.frame_pool import FramePool, FramePoolConfig, render_pool
from madm_model.training.losses import segmentation_loss
from madm_model.training.optimizer import OptimizerConfig
from madm_model.training.sensor_appearance import random_sensor
from madm_model.training.stage import StageConfig, Step, run_stage
from madm_model.training.views import random_view
from madm_model.training.weight_average import follow, rising_momentum

APPEARANCES = {
    "rgb": AppearanceConfig(colour=0.3, tones=0.6),
    "thermal": AppearanceConfig(colour=0.05, tones=0.95),
    "depth": AppearanceConfig(colour=0, tones=1),
    "event": AppearanceConfig(colour=0, tones=0.1),
}
"""How labelled colour is shown to a student of a modality: tones for thermal and depth, edges for event."""


def training_streets(modality: str) -> FramePoolConfig:
    """Streets that a student is trained on; of edge frames, each of which takes many rendered moments, half as many."""
    streets = FramePoolConfig(2_000_000, 400, 4, width=512, height=384, quiet_share=0.4, close_share=0.25)
    return replace(streets, frames_per_street=2, modalities=("rgb", "event")) if modality == "event" else streets


_Share = Annotated[float, Field(ge=0, le=1)]
_Count = Annotated[int, Field(ge=1)]


@settings
class StudentRecipe:
    """How a student is trained."""

    student: str = "swiftnet"
    """One of `STUDENTS`."""
    modality: str = "thermal"
    """What it will see: rgb, thermal, depth or event."""
    seed: Annotated[int, Field(ge=0)] = 0
    """Seeds the initial weights, batches and noise."""
    initial: str | None = None
    """Model to start from, such as a student of another modality; None starts from fresh weights."""
    encoder: str | None = None
    """SegFormer whose encoder to start from, such as one trained on ImageNet: a folder, or a repository of the hub."""
    iterations: _Count = 6000
    """Optimiser steps on crops."""
    full_view_iterations: _Count = 500
    """Optimiser steps at the end on views of the size that the network sees live."""
    learning_rate: Annotated[float, Field(gt=0)] = 1e-3
    """Of AdamW, on crops; a third of it in full view."""
    batch_size: Annotated[int, Field(ge=2)] = 12
    """Crops per step; a third of it in full view, but at least 2, which norms over the whole picture need."""
    crop: tuple[int, int] = (192, 256)
    """Height and width of a training crop in pixels."""
    scale: tuple[float, float] = (0.5, 1.3)
    """Smallest and largest magnification of a training frame."""
    modality_share: _Share = 0.65
    """Share of the crops that show the modality itself, as a random sensor would; the others are colour in random
    appearance, which no simulated sensor has smoothed."""
    average_momentum: Annotated[float, Field(ge=0, lt=1)] = 0.998
    """Of the running average of the weights, which is what is saved."""
    class_balance: _Share = 0.25
    """Pixels of a class weigh by its frequency to this power below 1: thin and small things count for more."""
    input_size: tuple[int, int] = (288, 384)
    """Height and width that the network sees live."""
    training_frames: FramePoolConfig = field(default_factory=lambda: training_streets("thermal"))
    """Streets that are trained on, see `training_streets`."""
    test_frames: FramePoolConfig = field(
        default_factory=lambda: FramePoolConfig(1_000_000, 40, 2, modalities=(*POOL_MODALITIES, "event"))
    )
    """Unseen streets for the scores: those of docs/benchmarks.md."""

    def __post_init__(self) -> None:
        if self.student not in STUDENTS:
            raise ValueError(f"there is no student '{self.student}': use one of {', '.join(STUDENTS)}")
        if self.modality not in MODALITIES:
            raise ValueError(f"unknown modality '{self.modality}': use one of {', '.join(MODALITIES)}")
        if self.encoder is not None and STUDENTS[self.student].network != "segformer":
            raise ValueError(f"an encoder can be given to a SegFormer, not to {self.student}")
        if self.modality not in self.training_frames.modalities or "rgb" not in self.training_frames.modalities:
            raise ValueError(f"training_frames need rgb and {self.modality}")


def train_student(recipe: StudentRecipe, work_dir: Path, out: Path, console: Console) -> None:
    """Train a student, or go on where an earlier call in the same folder stopped.

    Args:
        recipe: network, data, seeds and lengths.
        work_dir: holds rendered frames, which serve all students, checkpoints and logs.
        out: model folder to write: config.json, model.safetensors (half precision) and MODEL_CARD.md.
        console: prints progress.

    Raises:
        ModelError: the model to start from is no such student, or the folder holds one of this network and modality
            that another recipe trains.
    """
    work_dir.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(recipe.seed)
    architecture = STUDENTS[recipe.student]
    network = build_student(architecture, len(STREET_11))
    if recipe.initial is not None:
        network.load_state_dict(_initial_weights(recipe.initial, architecture))
    if recipe.encoder is not None:
        network.load_encoder(recipe.encoder)
    modules = nn.ModuleDict({"network": network, "average": copy.deepcopy(network).requires_grad_(False)})
    modules.train()
    name = f"{recipe.student}-{recipe.modality}"
    _claim(work_dir, recipe, name)

    # 1. frames
    console.print("rendering frames")
    folder = "event_frames" if "event" in recipe.training_frames.modalities else "training_frames"
    pool = render_pool(recipe.training_frames, work_dir / folder)

    # 2. crops, then whole views
    seconds = {}
    for stage, full in ((_crops_stage(recipe, name), False), (_full_stage(recipe, name), True)):
        seconds[stage.name] = run_stage(stage, modules, student_step(modules, pool, recipe, full), work_dir, console)

    # 3. model folder, scored
    config = ModelConfig(
        f"student-{recipe.modality}", architecture, STREET_11, recipe.modality, recipe.input_size, keep_aspect=True
    )
    average = modules["average"]
    save_model(out, average, config, torch.float16)
    test_pool = render_pool(recipe.test_frames, work_dir / "test_frames")
    segmenter = Segmenter.from_network(average, config, torch.device("cpu"), "float32")
    scores = {name: score_pool(segmenter, test_pool, name) for name in recipe.test_frames.modalities}
    (out / "MODEL_CARD.md").write_text("\n".join(_card_lines(recipe, seconds, scores)) + "\n")
    told = ", ".join(f"{name} {score.miou:.3f}" for name, score in scores.items())
    console.print(f"{out}: mIoU {told}", markup=False)


def _claim(work_dir: Path, recipe: StudentRecipe, name: str) -> None:
    """See that checkpoints of a student of this name are of this recipe: other students share the folder."""
    initial = None if recipe.initial is None else checksum(resolve_model(recipe.initial) / WEIGHTS_FILE)
    claim(
        work_dir / f"{name}.json",
        plain(recipe) | {"initial": initial},
        any(work_dir.glob(f"{name}-*.pt")),
        f"{work_dir} holds a training of {name}",
        f"give --work-dir another folder, or remove {work_dir / name}-*.pt to start afresh",
    )


def _crops_stage(recipe: StudentRecipe, name: str) -> StageConfig:
    optimizer = OptimizerConfig(recipe.learning_rate, 0.01, gradient_clip=1.0, warmup_iterations=200, steps=(0.8, 0.95))
    return StageConfig(f"{name}-crops", recipe.iterations, optimizer, recipe.seed, checkpoint_every=50, log_every=25)


def _full_stage(recipe: StudentRecipe, name: str) -> StageConfig:
    optimizer = OptimizerConfig(recipe.learning_rate / 3, 0.01, gradient_clip=1.0, warmup_iterations=20, steps=(0.7,))
    iterations, seed = recipe.full_view_iterations, recipe.seed + 1
    return StageConfig(f"{name}-full", iterations, optimizer, seed, checkpoint_every=50, log_every=25)


def student_step(modules: nn.ModuleDict, pool: FramePool, recipe: StudentRecipe, full: bool) -> Step:
    """Losses of one iteration.

    Args:
        modules: "network", which is trained, and "average", which follows it from iteration to iteration.
        pool: labelled frames.
        recipe: what is drawn from them.
        full: views of the live size instead of crops.
    """
    weights = torch.from_numpy(class_weights(pool.labels, recipe.class_balance))
    size = recipe.input_size if full else recipe.crop
    count = max(2, recipe.batch_size // 3) if full else recipe.batch_size

    def step(iteration: int) -> dict[str, torch.Tensor]:
        follow(modules["average"], modules["network"], rising_momentum(iteration, recipe.average_momentum))
        rng = np.random.default_rng([recipe.seed, int(full), iteration])
        images, labels = FramePool.batch([draw(rng, pool, recipe, size) for _ in range(count)])
        logits = modules["network"](images).logits
        return {"segmentation": segmentation_loss(logits, labels, weights[labels])}

    return step


def draw(
    rng: np.random.Generator, pool: FramePool, recipe: StudentRecipe, size: tuple[int, int]
) -> tuple[np.ndarray, np.ndarray]:
    """One training view: the modality as a random sensor shows it, or colour in random appearance.

    Returns:
        uint8 (h, w, 3) and uint8 (h, w).
    """
    index, view_seed = int(rng.integers(len(pool))), rng.integers(2**32)

    def view(modality: str) -> tuple[np.ndarray, np.ndarray]:
        place = np.random.default_rng(view_seed)  # the same place in every modality
        return random_view(place, pool.images[modality][index], pool.labels[index], size, recipe.scale)

    colour, labels = view("rgb")
    if rng.random() < recipe.modality_share:
        image = random_sensor(rng, recipe.modality, view(recipe.modality)[0], colour, labels)
    else:
        image = random_appearance(rng, colour, APPEARANCES[recipe.modality])
    return image, labels


def class_weights(labels: np.ndarray, power: float) -> np.ndarray:
    """Loss weight of every label id, float32 (256,): its frequency to the power of -`power`, 1 on average of pixels."""
    some = labels[:: max(1, len(labels) // 200), ::4, ::4]
    share = np.bincount(np.asarray(some).ravel(), minlength=256).astype(np.float64) / some.size
    weights = np.maximum(share, 1e-4) ** -power
    return (weights / (share * weights).sum()).astype(np.float32)


def _initial_weights(model: str, architecture: StudentArchitecture) -> dict[str, torch.Tensor]:
    network, config = load_model(model)
    if replace(config.architecture, name=architecture.name) != architecture or config.label_set != STREET_11:
        raise ModelError(f"model '{config.name}' is no {architecture.name} of {len(STREET_11)} classes to start from")
    return network.state_dict()


def _card_lines(
    recipe: StudentRecipe, seconds: dict[str, float], scores: dict[str, SegmentationScores]
) -> Iterator[str]:
    start = f" --initial {Path(recipe.initial).name}" if recipe.initial else ""
    minutes = ", ".join(f"{name} {value / 60:.0f} min" for name, value in seconds.items())
    frames, test = recipe.training_frames, recipe.test_frames
    kinds = {"quiet ways": frames.quiet_share, "with people close before the camera": frames.close_share}
    shares = "".join(f", {100 * share:.0f} % {kind}" for kind, share in kinds.items() if share)
    yield from (
        f"# student-{recipe.modality}",
        "",
        f"A {recipe.student} for CPUs and embedded GPUs, trained on this project's street simulator alone:",
        f"labelled {recipe.modality} frames, as cameras of many kinds could show them, and labelled colour in",
        "random appearance. It has never seen a real image.",
        "",
        "| | |",
        "| --- | --- |",
        f"| command | `madm train-student {recipe.student} --modality {recipe.modality} --seed {recipe.seed}"
        f"{start} --iterations {recipe.iterations} --out madm_model/weights/student-{recipe.modality}` |",
        f"| iterations | {recipe.iterations} of {recipe.batch_size} crops, {recipe.full_view_iterations} of views |",
        f"| training frames | {frames.streets} streets x {frames.frames_per_street}, {frames.width}x{frames.height}"
        f"{shares} |",
        f"| time | {minutes}; CPU threads: {torch.get_num_threads()} ({platform.machine()}) |",
        f"| torch | {torch.__version__} |",
        "",
        f"Scores on {test.streets} unseen streets x {test.frames_per_street} frames, {test.width}x{test.height}, in %:",
        "",
        *score_table(scores),
    )
