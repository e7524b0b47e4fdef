# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""Everything a job can be told about its training, and what it does when told nothing."""

from __future__ import annotations

import functools
import types
import typing
from collections.abc import Iterator, Mapping
from dataclasses import field, is_dataclass, replace
from difflib import get_close_matches
from typing import Annotated, Any, TypeVar

from pydantic import Field

from madm_model.adaptation.config import (
    AdaptationConfig,
    LoRAConfig,
    ResourceConfig,
    TeacherConfig,
    official_config,
)
from madm_model.adaptation.data.source_frames import SourceLabels
from madm_model.adaptation.data.target_bags import TargetSelection
from madm_model.adaptation.data.target_frames import TargetLimits
from madm_model.adaptation.paired_config import PairedConfig
from madm_model.adaptation.view_config import ViewConfig
from madm_model.distillation.config import DistillationConfig
from madm_model.jobs.gate import GateConfig
from madm_model.model_config import ModelConfig
from madm_model.settings import parse_text, plain, read_settings, settings
from madm_model.training.config import OptimizerConfig

_OFF = ("off", "none", "false")
_STUDENTS = "distillation."
_CPU_BATCH, _GPU_BATCH = 4, 16
"""Of a small network: a CPU takes four times as long for the larger one."""

SettingsT = TypeVar("SettingsT")


@settings
class JobSettings:
    """The settings of one job; options name their fields."""

    training: AdaptationConfig
    """Method, optimiser, resources."""
    view: ViewConfig
    """Batch size and crops."""
    limits: TargetLimits = field(default_factory=TargetLimits)
    """Frames taken from the bags."""
    gate: GateConfig = field(default_factory=GateConfig)
    """What a new version has to reach."""
    source_labels: SourceLabels = "model"
    """Ids in the labels of a source folder: model (the model's own) or cityscapes (trainIds, translated by class)."""
    labelled_target: str = ""
    """Folder of a few labelled frames of the target's sensor, images/ and labels/; ids as `source_labels` says. The
    last third by name, at least three, is what the gate decides by first, the others are trained on; fewer than six are
    all the gate's. Empty: none."""
    labelled_share: Annotated[float, Field(ge=0, le=1)] = 0.25
    """Share of the source's images that are labelled target frames, where there are any to train on: their part of the
    supervised loss. 0: none are trained on, and the gate has all of them."""
    paired: PairedConfig = field(default_factory=PairedConfig)
    """A colour camera in the same recordings, whose labels join the pseudo-labels."""
    checkpoint_every: Annotated[int, Field(ge=1)] = 100
    """Iterations between two checkpoints, which is what a killed job loses at most."""
    earlier_states: Annotated[int, Field(ge=0, le=20)] = 3
    """States on the way that are kept, after even parts of the training: where the gate refuses the last one, the
    newest of them that it lets pass becomes the version. 0: the last one or none. With a student, always the last."""
    student: str = ""
    """Small network that learns from the adapted model and runs in its place: swiftnet, segformer-b0, -b2 or -b5, or a
    student's model folder to go on from; none: no student; empty: none, or one of its own sizes if a student runs."""
    distillation: DistillationConfig = field(default_factory=DistillationConfig)
    """How the student learns."""
    known_frames: Annotated[int, Field(ge=0)] = 32
    """Frames it was trained on whose statistics a version keeps, to tell how far later ones are from them; 0: none."""

    def selection(self, target: TargetSelection) -> TargetSelection:
        """What is read of the recordings: what a request names, and paired images where there are to be any."""
        return replace(target, paired=self.paired) if self.paired.paired_topic else target

    @property
    def has_student(self) -> bool:
        """Whether a student is wanted."""
        return wants_student(self.student)

    @property
    def training_share(self) -> float:
        """Share of a time budget that is the adaptation's; the rest is the student's."""
        return 1 - self.distillation.time_share if self.has_student else 1.0


def wants_student(name: str) -> bool:
    """Whether a text names a student, and not that there is to be none."""
    return name.lower() not in ("", *_OFF)


def default_settings(config: ModelConfig, modality: str, iterations: int, on_gpu: bool) -> JobSettings:
    """Settings for a model and a number of iterations.

    The method is the released one; its noise period is the same share of the training as there (5000 or 8000 of 10,000
    iterations). A Stable Diffusion sized network is trained as released, on a GPU with LoRA, bfloat16 and gradient
    checkpointing. A small one starts from little and has few iterations: it learns faster, in batches of four on a CPU
    and of sixteen on a GPU, which takes little longer for them: on real streets, with labelled colour images, they were
    better in every score. Its teacher follows sooner and averages the UNet too, and the source is shown in the random
    appearance that the embedded model was trained with: plain colour makes it forget what carries over to the target.
    Crops are as large as what the network sees live: its attention looks over the whole picture, and other sizes are
    another task to it. The learning rate falls for the last tenth alone: while it was low, persons on real streets were
    lost. Logit adjustment by a quarter of the prior gave them back. Pseudo-labels are certain by class, as none of a
    person's pixels reaches the one threshold, and the weights are the mean of the second half, which found vehicles and
    persons better than most single steps did, with norm statistics taken anew from source images: with the target's
    among them it is worse.

    Args:
        config: the model to adapt.
        modality: thermal, depth or event.
        iterations: optimiser steps.
        on_gpu: whether it is trained on a GPU.
    """
    official = official_config(modality)
    assert official.self_training is not None
    assert official.self_training.dplg is not None
    share = official.self_training.dplg.noise_period / official.iterations
    dplg = replace(official.self_training.dplg, noise_period=max(1, round(share * iterations)))
    self_training = replace(official.self_training, dplg=dplg)
    warmup = min(official.optimizer.warmup_iterations, iterations // 10)
    height, width = config.input_size
    if config.architecture.latent_stride >= 8:
        resources = ResourceConfig("bfloat16", True, True, LoRAConfig()) if on_gpu else ResourceConfig()
        optimizer = replace(official.optimizer, warmup_iterations=warmup)
        # Adapters start from nothing and are trained faster than whole weights.
        optimizer = replace(optimizer, learning_rate=1e-4) if resources.lora else optimizer
        training = replace(official, self_training=self_training, optimizer=optimizer, resources=resources)
        kept = 3 if resources.lora else 0  # of all weights, each takes gigabytes
        return JobSettings(replace(training, iterations=iterations), ViewConfig(1, height, width), earlier_states=kept)
    training = replace(
        official,
        iterations=iterations,
        self_training=replace(
            self_training, certainty="class", teacher=TeacherConfig(momentum=0.99, average_unet=True)
        ),
        optimizer=OptimizerConfig(1e-4, 0.01, 1.0, warmup, (0.9,)),
        logit_adjustment=0.25,
        averaged_share=0.5,
        source_norm_batches=16,
    )
    batch_size = _GPU_BATCH if on_gpu else _CPU_BATCH
    return JobSettings(training, ViewConfig(batch_size, height, width, source_appearance=True))


def with_options(settings: SettingsT, options: Mapping[str, str]) -> SettingsT:
    """Change settings by their dotted names.

    Args:
        settings: the defaults, of any class under `@settings`.
        options: name to value as text. A name may be shortened to what ends it, as long as it stays unambiguous:
            `dplg.noise_period` for `training.self_training.dplg.noise_period`, but for those of a job's student, which
            begin with `distillation.`: others have the same short names. Tuples are lists like `[0.7, 0.9]`;
            `off` switches an optional part off (`lplr`, `dplg`, `self_training`, `lora`, `augmentation`), `on` gives it
            its defaults.

    Raises:
        ValueError: an unknown or ambiguous name, or a value that does not fit.
    """
    values = plain(settings)
    # Parts first: their fields may be named by other options.
    for name, text in sorted(options.items(), key=lambda item: item[0].count(".")):
        path, kind = _find(name, dict(_paths(type(settings), values)))
        *parents, field_name = path.split(".")
        part = values
        for parent in parents:
            part = part[parent]
        try:
            part[field_name] = _parse(text, kind)
        except ValueError as error:
            raise ValueError(f"option {name}: {error}") from None
    try:
        return read_settings(type(settings), values)
    except ValueError as error:  # options that fit one by one, and not together
        raise ValueError(f"options {', '.join(options)}: {error}") from None


def _find(name: str, paths: Mapping[str, Any]) -> tuple[str, Any]:
    """The dotted name that an option means, and its type.

    Raises:
        ValueError: it means none, or several.
    """
    whole = [path for path in paths if path == name]
    found = whole or [path for path in paths if path.endswith(f".{name}") and not path.startswith(_STUDENTS)]
    if len(found) != 1:
        near = found or [path for path in paths if get_close_matches(name, [path, path.rpartition(".")[2]], 1, 0.7)]
        hint = f"it may mean {', '.join(near)}" if near else f"the settings are {', '.join(sorted(paths))}"
        raise ValueError(f"unknown option '{name}': {hint}")
    return found[0], paths[found[0]]


def _paths(cls: type, values: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Dotted name and type of every setting; optional parts are settings themselves, and so are those in them."""
    for name, kind in _kinds(cls).items():
        part = _optional_part(kind) or kind
        if part is not kind or not is_dataclass(part):
            yield f"{prefix}{name}", kind
        if is_dataclass(part) and values[name] is not None:
            yield from _paths(part, values[name], f"{prefix}{name}.")


@functools.cache
def _kinds(cls: type) -> dict[str, Any]:
    """The types of a class's fields, which are evaluated from text: that takes a while."""
    return typing.get_type_hints(cls, include_extras=True)


def _optional_part(kind: Any) -> type | None:
    """The class of `Class | None`; None for another type."""
    if not (isinstance(kind, types.UnionType) or typing.get_origin(kind) is typing.Union):
        return None
    return next(argument for argument in typing.get_args(kind) if argument is not type(None))


def _parse(text: str, kind: Any) -> Any:
    """A plain value of the given type.

    Raises:
        ValueError: the text is no such value.
    """
    part = _optional_part(kind)
    if part is None:
        return parse_text(kind, text)
    if text.lower() not in ("on", *_OFF):
        raise ValueError(f"'{text}' is neither on nor off")
    return plain(part()) if text.lower() == "on" else None
