"""Everything a job can be told about its training, and what it does when told nothing."""

from __future__ import annotations

import dataclasses
import json
import math
import types
import typing
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from typing import Any

from madm_model.adaptation.config import (
    AdaptationConfig,
    LoRAConfig,
    ResourceConfig,
    TeacherConfig,
    official_config,
)
from madm_model.adaptation.gate import GateConfig
from madm_model.adaptation.source_frames import SourceLabels
from madm_model.adaptation.target_frames import TargetLimits
from madm_model.adaptation.view_config import ViewConfig
from madm_model.model_config import ModelConfig
from madm_model.training.config import OptimizerConfig

_OFF = ("off", "none", "false")


@dataclass(frozen=True)
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
    checkpoint_every: int = 100
    """Iterations between two checkpoints, which is what a killed job loses at most."""

    def __post_init__(self) -> None:
        if self.checkpoint_every < 1:
            raise ValueError("checkpoint_every must be at least 1 iteration")


def default_settings(config: ModelConfig, modality: str, iterations: int, on_gpu: bool) -> JobSettings:
    """Settings for a model and a number of iterations.

    The method is the released one; its noise period is the same share of the training as there (5000 or 8000 of
    10,000 iterations). A Stable Diffusion sized network is trained as released, on a GPU with LoRA, bfloat16 and
    gradient checkpointing. A small one starts from little and has few iterations: it learns faster, in batches of four,
    its teacher follows sooner and averages the UNet too, and the source is shown in the random appearance that the
    embedded model was trained with: plain colour makes it forget what carries over to the target. Crops are as large as
    what the network sees live: its attention looks over the whole picture, and other sizes are another task to it.

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
        return JobSettings(replace(training, iterations=iterations), ViewConfig(1, height, width))
    training = replace(
        official,
        iterations=iterations,
        self_training=replace(self_training, teacher=TeacherConfig(momentum=0.99, average_unet=True)),
        optimizer=OptimizerConfig(1e-4, 0.01, 1.0, warmup, (0.5, 0.8)),
    )
    return JobSettings(training, ViewConfig(4, height, width, source_appearance=True))


def with_options(settings: JobSettings, options: Mapping[str, str]) -> JobSettings:
    """Change settings by their dotted names.

    Args:
        settings: the defaults.
        options: name to value as text. A name may be shortened to what ends it, as long as it stays unambiguous:
            `dplg.noise_period` for `training.self_training.dplg.noise_period`. Tuples are lists like `[0.7, 0.9]`;
            `off` switches an optional part off (`lplr`, `dplg`, `self_training`, `lora`, `augmentation`), `on` gives it
            its defaults.

    Raises:
        ValueError: an unknown or ambiguous name, or a value that does not fit.
    """
    # Parts first: their fields may be named by other options.
    waiting = dict(sorted(options.items(), key=lambda item: item[0].count(".")))
    while waiting:
        refused = {}
        for name, text in waiting.items():
            try:
                settings = _with_option(settings, name, text)
            except ValueError as error:  # it may fit once another one has been taken
                refused[name] = error
        if len(refused) == len(waiting):
            raise next(iter(refused.values()))
        waiting = {name: waiting[name] for name in refused}
    return settings


def _with_option(settings: JobSettings, name: str, text: str) -> JobSettings:
    """Change one setting.

    Raises:
        ValueError: as `with_options`, the option named.
    """
    paths = dict(_paths(settings))
    found = [path for path in paths if path == name or path.endswith(f".{name}")]
    if len(found) != 1:
        near = found or [path for path in paths if get_close_matches(name, [path, path.rpartition(".")[2]], 1, 0.7)]
        hint = f"it may mean {', '.join(near)}" if near else f"the settings are {', '.join(sorted(paths))}"
        raise ValueError(f"unknown option '{name}': {hint}")
    try:
        return _replaced(settings, found[0].split("."), _parse(text, paths[found[0]]))
    except ValueError as error:
        raise ValueError(f"option {name}: {error}") from None


def _paths(config: Any, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Dotted name and type of every setting below a configuration; optional parts are settings themselves."""
    hints = typing.get_type_hints(type(config))
    for item in dataclasses.fields(config):
        value, path = getattr(config, item.name), f"{prefix}{item.name}"
        if dataclasses.is_dataclass(value):
            yield from _paths(value, f"{path}.")
        if not dataclasses.is_dataclass(hints[item.name]):
            yield path, hints[item.name]


def _parse(text: str, kind: Any) -> Any:
    """A value of the given type.

    Raises:
        ValueError: the text is no such value.
    """
    arguments = typing.get_args(kind)
    if isinstance(kind, types.UnionType) or typing.get_origin(kind) is typing.Union:
        if text.lower() in _OFF:
            return None
        (part,) = (argument for argument in arguments if argument is not type(None))
        if text.lower() == "on":
            return part()
        raise ValueError(f"'{text}' is neither on nor off")
    if typing.get_origin(kind) is typing.Literal:
        if text not in arguments:
            raise ValueError(f"'{text}' is not one of {', '.join(arguments)}")
        return text
    if kind is bool:
        if text.lower() not in ("true", "false", "on", "off"):
            raise ValueError(f"'{text}' is neither true nor false")
        return text.lower() in ("true", "on")
    if kind in (int, float, str):
        try:
            value = kind(text)
        except ValueError:
            raise ValueError(f"'{text}' is no {'whole ' if kind is int else ''}number") from None
        if kind is float and not math.isfinite(value):
            raise ValueError(f"'{text}' is no finite number")
        return value
    return _parse_list(text, arguments)


def _parse_list(text: str, kinds: tuple[Any, ...]) -> tuple[Any, ...]:
    """A tuple, given as a JSON list of scalars; `kinds` are the types in it, or one type and an ellipsis."""
    try:
        values = json.loads(text)
    except (json.JSONDecodeError, RecursionError):
        values = None
    if not isinstance(values, list) or any(isinstance(value, (list, dict)) for value in values):
        raise ValueError(f"'{text}' is no list such as [1, 2]")
    if kinds[-1] is ...:
        kinds = kinds[:1] * len(values)
    if len(kinds) != len(values):
        raise ValueError(f"'{text}' has {len(values)} values: it needs {len(kinds)}")
    return tuple(
        _parse(value if isinstance(value, str) else json.dumps(value), kind) for value, kind in zip(values, kinds)
    )


def _replaced(config: Any, path: list[str], value: Any) -> Any:
    name, *rest = path
    return replace(config, **{name: _replaced(getattr(config, name), rest, value) if rest else value})
