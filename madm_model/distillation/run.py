# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""`madm distil` as a function: from a teacher and frames to a student's model folder, resumable at every point."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from rich.console import Console

from madm_model.adaptation.data.source_frames import SourceLabels
from madm_model.adaptation.data.target_frames import TargetFrames, TargetLimits
from madm_model.checkpoint.model_folder import WEIGHTS_FILE, save_model
from madm_model.distillation.config import DistillationConfig
from madm_model.distillation.data import DistillationData
from madm_model.distillation.distillation import Distillation
from madm_model.distillation.frames import Target, prepare_source
from madm_model.distillation.student import prepare_student
from madm_model.distillation.student_choice import choose_student, student_config
from madm_model.distillation.teacher_labels import label_frames
from madm_model.model_config import ModelConfig
from madm_model.segmenter import Segmenter
from madm_model.settings import plain, settings
from madm_model.store.version import checksum
from madm_model.training.claim import claim
from madm_model.training.processes import ALONE, Processes
from madm_model.training.stage import StageConfig, run_iterations

_REQUEST_FILE, _STAGE = "distillation.json", "student"
_CHECKPOINT_EVERY, _LOG_ROWS, _COMPARED = 100, 200, 64


@settings
class DistillationSettings:
    """What the options of `madm distil` name."""

    student: DistillationConfig
    """How the student learns."""
    limits: TargetLimits = field(default_factory=lambda: TargetLimits(max_frames=4000))
    """Frames taken from the target."""
    source_labels: SourceLabels = "model"
    """Ids in the labels of a source folder: model (the model's own) or cityscapes (trainIds, translated by class)."""


@dataclass(frozen=True)
class Task:
    """What is distilled from what."""

    teacher: Path
    """Model folder of the teacher."""
    student: str
    """Name of a student, or its model folder."""
    target: Target
    """Unlabelled frames."""
    source: str
    """Labelled RGB frames, as `prepare_source` takes them."""
    encoder: str | None = None
    """SegFormer whose encoder to start from: a folder, or a repository of the hub."""


def distil(
    task: Task,
    settings: DistillationSettings,
    work_dir: Path,
    out: Path,
    device: torch.device,
    console: Console,
    processes: Processes = ALONE,
) -> None:
    """Train a student, or go on where an earlier call in the same folder stopped.

    Args:
        task: teacher, student, frames.
        settings: how it learns.
        work_dir: holds frames, the teacher's labels, checkpoints and the log; may be deleted afterwards.
        out: model folder to write: config.json, model.safetensors (half precision) and MODEL_CARD.md.
        device: where teacher and student run.
        console: prints progress.
        processes: that train together; the first one makes frames and labels and writes what comes out.

    Raises:
        ModelError: a model cannot be used, or the folder holds another distillation.
        InputError: frames cannot be used.
        OSError: the disk is full.
    """
    # 1. What is wrong is told before anything long starts
    choice, teacher = choose_student(task.student), ModelConfig.load(task.teacher)
    size = settings.student.height, settings.student.width
    name = f"{teacher.name}-{Path(task.student).name}"
    config = student_config(choice, teacher, size, name, task.target.modality)
    network, learning = prepare_student(choice, config, settings.student, task.encoder)
    learning.view.check(config.architecture)
    work_dir.mkdir(parents=True, exist_ok=True)
    with processes.first_before_others():  # it makes frames and labels, the others find them
        _claim(work_dir, task, replace(settings, student=learning))

        # 2. Target and source frames on disk
        larger = max(teacher, config, key=lambda model: int(np.prod(model.input_size)))
        told = _Progress(console)
        frames = task.target.collect(larger, settings.limits, work_dir / "target", told.of("target frames read"))
        for note in frames.notes:
            console.print(note, markup=False)
        source = prepare_source(
            task.source,
            config.label_set,
            work_dir / "source",
            told.of("source frames prepared"),
            settings.source_labels,
        )

        # 3. The teacher labels the target
        taught = label_frames(
            choice.teachers(task.teacher, learning.own_share),
            *(frames, frames.training, work_dir / "labels", device, learning.precision),
            told.of("frames labelled by the teacher"),
        )

    # 4. The student learns
    data = DistillationData(source, frames, taught, config, learning.view)
    trainer = Distillation(network, data, learning, device, processes)
    count = learning.iterations
    stage = StageConfig(
        *(_STAGE, count, learning.optimizer, learning.seed, _CHECKPOINT_EVERY, max(1, count // _LOG_ROWS)),
    )
    seconds = run_iterations(stage, trainer, work_dir, console, processes=processes)
    if not processes.is_first:
        return

    # 5. Model folder, compared with its teacher on frames that neither labelled nor learned from
    student = trainer.finish()
    save_model(out, student, config, torch.float16)
    agreement = _agreement(
        frames, Segmenter.from_folder(task.teacher, str(device)), Segmenter.from_folder(out, str(device))
    )
    together = replace(learning.view, batch_size=learning.view.batch_size * processes.count)
    learning = replace(learning, view=together)
    card = _card_lines(task, learning, teacher, config, (len(frames.training), taught.seconds, seconds), agreement)
    (out / "MODEL_CARD.md").write_text("\n".join(card) + "\n")
    console.print(
        f"{out}: labels {agreement:.1%} of the pixels of held-out frames as {teacher.name} does", markup=False
    )


class _Progress:
    """Prints now and then how far a stage is."""

    def __init__(self, console: Console) -> None:
        self._console = console

    def of(self, what: str) -> Any:
        """A function for the numbers of one stage."""

        def tell(done: int, total: int) -> None:
            if done % 100 == 0:
                self._console.print(f"{what}: {done} ({total})")

        return tell


def _claim(work_dir: Path, task: Task, settings: DistillationSettings) -> None:
    """Keep what a work folder is used for.

    Raises:
        ModelError: it is used for something else.
    """
    wanted = {
        "teacher": checksum(task.teacher / WEIGHTS_FILE),
        "student": task.student,
        "encoder": task.encoder,
        "target": str(task.target),
        "source": task.source,
        "settings": plain(settings),
    }
    path = work_dir / _REQUEST_FILE
    advice = "give --work-dir another folder, or remove this one"
    claim(path, wanted, path.exists(), f"{work_dir} holds a distillation", advice)


def _agreement(frames: TargetFrames, teacher: Segmenter, student: Segmenter) -> float:
    """Share of the pixels of held-out frames that two models label alike."""
    held_out = np.concatenate(frames.held_out)
    shown = held_out[np.unique(np.linspace(0, len(held_out) - 1, min(len(held_out), _COMPARED)).astype(int))]
    alike = []
    for index in shown:
        image = [np.asarray(frames.images[index])]
        alike.append((teacher.segment(image)[0].labels == student.segment(image)[0].labels).mean())
    return float(np.mean(alike))


def _card_lines(
    task: Task,
    settings: DistillationConfig,
    teacher: ModelConfig,
    config: ModelConfig,
    measured: tuple[int, float, float],
    agreement: float,
) -> Iterator[str]:
    frames, teacher_s, student_s = measured
    yield from (
        f"# {config.name}",
        "",
        f"A {config.architecture.name} that learned from what `{teacher.name}` says about {config.modality} frames,",
        "and from a labelled source.",
        "",
        "| | |",
        "| --- | --- |",
        f"| input | {config.input_size[0]}x{config.input_size[1]} |",
        *([f"| encoder | {task.encoder} |"] if task.encoder else []),
        f"| source | {task.source or 'replay set (simulated streets)'} |",
        f"| target | {frames} frames, labelled by the teacher in {teacher_s:.0f} s |",
        f"| training | {settings.iterations} iterations of {settings.view.batch_size}, {student_s:.0f} s |",
        f"| settings | temperature {settings.temperature:g}, learning rate {settings.learning_rate:g}, "
        f"seed {settings.seed} |",
        f"| pixels of held-out target frames labelled as the teacher does | {agreement:.1%} |",
    )
