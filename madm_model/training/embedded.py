# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""The recipe of the embedded model: every stage from an untrained network to a model folder with its card."""

from __future__ import annotations

import platform
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import torch
from rich.console import Console

from madm_model.architecture import TINY
from madm_model.checkpoint.model_folder import save_model
from madm_model.evaluation import ConfusionMatrix, SegmentationScores
from madm_model.labels import STREET_11
from madm_model.model_config import ModelConfig
from madm_model.network.madm import MADM
from madm_model.segmenter import Segmenter
from madm_model.settings import plain
from madm_model.training.appearance import AppearanceConfig
from madm_model.training.claim import claim
from madm_model.training.config import POOL_MODALITIES
from madm_model.training.denoising import DenoisingStage, denoising_step
from madm_model.training.frame_pool import FramePool, FramePoolConfig, render_pool
from madm_model.training.optimizer import OptimizerConfig
from madm_model.training.stage import StageConfig, run_stage
from madm_model.training.supervised import SupervisedStage, supervised_step
from madm_model.training.vae import VAEStage, latent_scaling, quieten, vae_step

INPUT_SIZE = (192, 256)
"""Rows and columns of what the network sees live, and of the crops of the last stage: its attention looks over the
whole picture, and one of two and a half times the area of its training crops costs it 3 to 8 points of mIoU."""

COLOUR_ONLY = "colour_only"
"""Folder in the work directory with the network that knows labelled colour as it is and nothing else: a benchmark from
there has the domain gap of the paper, as nothing has closed any of it yet."""


@dataclass(frozen=True)
class EmbeddedRecipe:
    """How the embedded model is trained. All of it runs on the simulator's frames alone."""

    seed: int = 0
    """Seeds the initial weights, batches and noise."""
    vae_iterations: int = 5000
    """Optimiser steps of the autoencoder."""
    denoising_iterations: int = 1000
    """Optimiser steps of the denoising pre-training."""
    supervised_iterations: int = 2200
    """Optimiser steps on labelled RGB."""
    appearance_iterations: int = 2750
    """Optimiser steps on labelled RGB of random appearance, in small crops."""
    full_view_iterations: int = 1200
    """Optimiser steps on the same in crops of the size that the network sees live."""
    training_frames: FramePoolConfig = field(default_factory=lambda: FramePoolConfig(0, 300, 6))
    """Streets that are trained on."""
    test_frames: FramePoolConfig = field(
        default_factory=lambda: FramePoolConfig(1_000_000, 60, 2, modalities=(*POOL_MODALITIES, "event"))
    )
    """Unseen streets for the scores, in every modality that is scored."""


def _stage(
    name: str, iterations: int, learning_rate: float, seed: int, steps: tuple[float, ...] = (0.7, 0.9)
) -> StageConfig:
    optimizer = OptimizerConfig(learning_rate, weight_decay=0.01, gradient_clip=1.0, warmup_iterations=100, steps=steps)
    return StageConfig(name, iterations, optimizer, seed)


def train_embedded(recipe: EmbeddedRecipe, work_dir: Path, out: Path, console: Console) -> None:
    """Train the embedded model, or go on where an earlier call in the same folder stopped.

    Args:
        recipe: seeds, lengths and data.
        work_dir: holds rendered frames, checkpoints, logs and the model `COLOUR_ONLY`; may be deleted afterwards.
        out: model folder to write: config.json, model.safetensors (half precision) and MODEL_CARD.md.
        console: prints progress.

    Raises:
        ModelError: the folder holds a training by another recipe.
    """
    work_dir.mkdir(parents=True, exist_ok=True)
    in_use, advice = any(work_dir.glob("*.pt")), "give --work-dir another folder, or remove this one"
    claim(work_dir / "recipe.json", plain(recipe), in_use, f"{work_dir} holds a training of tiny-rgb", advice)
    torch.manual_seed(recipe.seed)
    network = MADM(TINY, len(STREET_11))

    # 1. frames
    console.print("rendering frames")
    pool = render_pool(recipe.training_frames, work_dir / "training_frames")

    # 2. autoencoder
    seconds = {}
    stage = _stage("vae", recipe.vae_iterations, 8e-4, recipe.seed)
    quieten(network.vae)
    step = vae_step(network.vae, pool, VAEStage(recipe.vae_iterations), recipe.seed)
    seconds["vae"] = run_stage(stage, network.vae, step, work_dir, console)
    network.vae.requires_grad_(False)
    scaling = latent_scaling(network.vae, lambda index: _frames_of_all_modalities(pool, index))
    network.architecture = replace(TINY, latent_scaling=round(scaling, 5))

    # 3. denoising
    stage = _stage("denoising", recipe.denoising_iterations, 1e-3, recipe.seed)
    step = denoising_step(network, pool, DenoisingStage(), recipe.seed)
    seconds["denoising"] = run_stage(stage, network.unet, step, work_dir, console)

    # 4. supervised
    network.train()
    network.freeze_fixed_parts()
    stage = _stage("supervised", recipe.supervised_iterations, 5e-4, recipe.seed)
    step = supervised_step(network, pool, STREET_11, SupervisedStage(), recipe.seed)
    seconds["supervised"] = run_stage(stage, network, step, work_dir, console)

    test_pool = render_pool(recipe.test_frames, work_dir / "test_frames")
    config = ModelConfig("tiny-rgb", network.architecture, STREET_11, "rgb", INPUT_SIZE, keep_aspect=True)
    colour_only = _score(network, config, recipe, test_pool)
    save_model(work_dir / COLOUR_ONLY, network, replace(config, name="tiny-colour-only"), torch.float16)

    # 5. supervised, of random appearance: in small crops, then in the size of live frames
    network.train()
    small = SupervisedStage(appearance=AppearanceConfig(), precision="bfloat16")
    stage = _stage("appearance", recipe.appearance_iterations, 3e-4, recipe.seed, steps=())
    step = supervised_step(network, pool, STREET_11, small, recipe.seed)
    seconds["appearance"] = run_stage(stage, network, step, work_dir, console)
    full = replace(small, batch_size=6, crop=INPUT_SIZE, scale=(0.6, 1.2))
    stage = _stage("full_view", recipe.full_view_iterations, 2e-4, recipe.seed)
    step = supervised_step(network, pool, STREET_11, full, recipe.seed)
    seconds["full_view"] = run_stage(stage, network, step, work_dir, console)

    # 6. model folder, scored
    save_model(out, network.eval(), config, torch.float16)
    scores = _score(network, config, recipe, test_pool)
    (out / "MODEL_CARD.md").write_text(model_card(recipe, seconds, scores, colour_only))
    told = ", ".join(f"{name} {score.miou:.3f}" for name, score in scores.items())
    console.print(f"{out}: mIoU {told}", markup=False)


def _score(
    network: MADM, config: ModelConfig, recipe: EmbeddedRecipe, test_pool: FramePool
) -> dict[str, SegmentationScores]:
    segmenter = Segmenter(network.eval(), config, torch.device("cpu"), torch.float32)
    return {name: score_pool(segmenter, test_pool, name) for name in recipe.test_frames.modalities}


def _frames_of_all_modalities(pool: FramePool, index: int) -> torch.Tensor:
    rng = np.random.default_rng([7, index])
    return torch.cat([pool.crops(rng, name, 4, (128, 160), (0.8, 1.6))[0] for name in POOL_MODALITIES])


def score_pool(segmenter: Segmenter, pool: FramePool, modality: str) -> SegmentationScores:
    """Scores of a model on every frame of a pool, at the frames' own size."""
    total = ConfusionMatrix(len(segmenter.config.label_set))
    for matrix in frame_matrices(segmenter, pool, modality):
        total.counts += matrix.counts
    return total.scores()


def frame_matrices(segmenter: Segmenter, pool: FramePool, modality: str) -> Iterator[ConfusionMatrix]:
    """What a model makes of every frame of a pool, at the frames' own size."""
    for image, truth in zip(pool.images[modality], pool.labels):
        (segmentation,) = segmenter.segment([np.asarray(image)])
        matrix = ConfusionMatrix(len(segmenter.config.label_set))
        matrix.add(segmentation.labels, np.asarray(truth))
        yield matrix


def score_table(scores: dict[str, SegmentationScores]) -> Iterator[str]:
    """IoU in % of every class of `STREET_11` in every modality, and their means, as lines of a Markdown table."""
    yield "| class | " + " | ".join(scores) + " |"
    yield "| --- |" + " --- |" * len(scores)
    for index, class_name in enumerate(STREET_11.names):
        yield (
            f"| {class_name} | " + " | ".join(f"{100 * score.class_iou[index]:.1f}" for score in scores.values()) + " |"
        )
    yield "| **mIoU** | " + " | ".join(f"**{100 * score.miou:.1f}**" for score in scores.values()) + " |"


def model_card(
    recipe: EmbeddedRecipe,
    seconds: dict[str, float],
    scores: dict[str, SegmentationScores],
    colour_only: dict[str, SegmentationScores],
) -> str:
    """The model card as Markdown, with the scores of the model and those before its random appearance stage."""
    return "\n".join(_card_lines(recipe, seconds, scores, colour_only)) + "\n"


def _card_lines(
    recipe: EmbeddedRecipe,
    seconds: dict[str, float],
    scores: dict[str, SegmentationScores],
    colour_only: dict[str, SegmentationScores],
) -> Iterator[str]:
    minutes = ", ".join(f"{name} {value / 60:.0f} min" for name, value in seconds.items())
    names = list(scores)
    yield from (
        "# tiny-rgb",
        "",
        "A MADM network of about 7 M parameters for CPUs, trained on this project's street simulator alone:",
        "an autoencoder, denoising pre-training on unlabelled frames of all modalities in place of Stable",
        "Diffusion's, then supervised training on labelled simulated RGB, at last with random tones and edges in place",
        "of most colours. It has never seen a real image, nor a label of a thermal, depth or event frame: it shows",
        "that the whole way works, and it is where adaptation starts.",
        "Do not expect it to segment a real street well.",
        "",
        "| | |",
        "| --- | --- |",
        f"| command | `madm train-embedded --seed {recipe.seed} --out madm_model/weights/tiny-rgb` |",
        f"| iterations | vae {recipe.vae_iterations}, denoising {recipe.denoising_iterations}, "
        f"supervised {recipe.supervised_iterations}, random appearance {recipe.appearance_iterations} in small crops "
        f"and {recipe.full_view_iterations} in full view |",
        f"| training frames | {recipe.training_frames.streets} streets x {recipe.training_frames.frames_per_street} |",
        f"| time | {minutes}; CPU threads: {torch.get_num_threads()} ({platform.machine()}) |",
        f"| torch | {torch.__version__} |",
        "",
        f"Scores on {recipe.test_frames.streets} unseen streets x {recipe.test_frames.frames_per_street} frames, "
        "320x240, IoU in %; thermal, depth and event without any adaptation:",
        "",
        *score_table(scores),
    )
    before = " | ".join(f"{100 * colour_only[name].miou:.1f}" for name in names)
    yield f"| mIoU before random appearance | {before} |"
