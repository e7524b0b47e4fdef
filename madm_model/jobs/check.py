# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""What is refused before a job starts: paths, recordings, options, too little room."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from madm_model.adaptation.data.limited_reading import count_recorded
from madm_model.adaptation.data.source_frames import labelled_files
from madm_model.adaptation.data.source_shares import folders_of, parse_sources
from madm_model.adaptation.data.target_frames import frame_bytes
from madm_model.adaptation.paired_config import paired_classes
from madm_model.architecture import Architecture
from madm_model.checkpoint.model_names import resolve_model
from madm_model.devices import gpu_memory
from madm_model.distillation.student_choice import choose_student, student_config, student_path
from madm_model.io.allowed import check_allowed, check_single_name
from madm_model.io.frames import InputError
from madm_model.jobs.cost import JobCost, estimate_cost, in_words, student_room
from madm_model.jobs.gate import GateConfig
from madm_model.jobs.request import JobRequest, RequestError
from madm_model.jobs.room import available_memory, check_room
from madm_model.jobs.settings import JobSettings, default_settings, wants_student, with_options
from madm_model.modalities import make_preprocessor
from madm_model.model_config import ModelConfig, ModelError
from madm_model.settings import read_settings
from madm_model.store import BASE, VersionStore

_PROBE_ITERATIONS = 1000
_TRAINED_RANGE = (0.0, 255.0)
"""Input range that frames are brought to in training."""


def check_settings(request: JobRequest, store: VersionStore) -> JobSettings:
    """Refuse what cannot work, as far as it shows without opening a recording; takes a few milliseconds.

    Args:
        request: the job.
        store: where its version will go.

    Returns:
        the settings the job would have.

    Raises:
        RequestError: the reason, in one sentence that says what to do.
    """
    with _refusals():
        present = store.read()
        _check_modality(request, store, present.versions)
        if request.bag_roots is not None:
            check_paths(request, request.bag_roots)
        return resolve_settings(
            request, store, present.active, request.iterations or _PROBE_ITERATIONS, _is_gpu(request)
        )


def check_cost(request: JobRequest, store: VersionStore, settings: JobSettings) -> JobCost:
    """Refuse what takes more memory or time than there is; takes a few milliseconds.

    Args:
        request: the job.
        store: where its version will go.
        settings: the job's, as `check_settings` gives them.

    Returns:
        what the job is expected to take.

    Raises:
        RequestError: how much it needs, and how much there is.
    """
    smaller = "lower view.batch_size, crop_height or crop_width"
    with _refusals():
        present = store.read()
        folder = store.training_folder(present.active)
        config, gpu = ModelConfig.load(folder), gpu_memory(request.device)
        cost = estimate_cost(settings, config, folder, request.iterations, request.threads, on_gpu=gpu is not None)
        if request.time_budget_s and (not request.iterations or request.time_budget_s < cost.seconds):
            cost = replace(cost, seconds=request.time_budget_s)
        if cost.memory > (free := available_memory()):
            raise RequestError(f"the job needs {cost}, but {free / 1e9:.1f} GB of memory are free: {smaller}")
        if gpu is not None and cost.gpu_memory > (share := gpu * request.gpu_memory_share):
            raise RequestError(f"the job needs {cost}, of which it may take {share / 1e9:.1f} GB: {smaller}")
        if cost.seconds > request.max_days * 86_400:
            raise RequestError(
                f"the job would train for about {in_words(cost.seconds)}, and max_days allows {request.max_days:g} "
                "days: lower the number of iterations, or set a time budget"
            )
    return cost


def check_request(request: JobRequest, store: VersionStore) -> JobSettings:
    """Refuse what cannot work, before anything is started: `check_settings` and `check_recordings`."""
    settings = check_settings(request, store)
    check_cost(request, store, settings)
    check_recordings(request, store, settings)
    return settings


def check_recordings(request: JobRequest, store: VersionStore, settings: JobSettings) -> None:
    """Refuse recordings and sources that cannot be used, or that there is no room for.

    Recordings are opened in a process with limits. Messages are read only where a bag's counts do not tell whether
    there are enough in the wanted span of time.

    Args:
        request: the job.
        store: where its version will go.
        settings: the job's, as `check_settings` gives them.

    Raises:
        RequestError: the reason, in one sentence that says what to do.
    """
    check_files(request)
    with _refusals():
        selection = settings.selection(request.target)
        check_disk(store, settings, count_recorded(selection, settings.limits.min_frames, request.bag_roots))


def check_files(request: JobRequest) -> None:
    """Refuse recordings and sources by what their folders show, without opening any file.

    Raises:
        RequestError: the reason, in one sentence that says what to do.
    """
    with _refusals():
        for bag in request.target.bags:
            if not Path(bag).exists():
                raise RequestError(f"{bag} does not exist: check the path of the recording")
        if request.bag_roots is not None:
            for file in itertools.chain.from_iterable(map(_files_in, _paths(request))):
                if file.is_symlink():
                    check_allowed(file, request.bag_roots)
                else:
                    check_single_name(file)
        for folder in folders_of(parse_sources(request.source)):
            labelled_files(Path(folder))
        if labelled := request.labelled_target or request.options.get("labelled_target"):
            labelled_files(Path(labelled))


def check_disk(store: VersionStore, settings: JobSettings, frames: int) -> None:
    """Refuse a job that there is no room for.

    Args:
        store: where its version will go.
        settings: the job's.
        frames: that its recordings have.

    Raises:
        InputError: how much there is, and how much it needs.
    """
    folder = store.training_folder(store.read().active)
    config = ModelConfig.load(folder)
    room = frame_bytes(config, settings.limits, [frames], bool(settings.paired.paired_topic))
    if settings.has_student:
        room += student_room(settings, config, min(frames, settings.limits.max_frames))
    earlier = 0 if settings.has_student else settings.earlier_states
    adapters, averaged = settings.training.resources.lora is not None, settings.training.averaged_share > 0
    check_room(store.root, folder, room, adapters, earlier, averaged)


def resolve_settings(
    request: JobRequest, store: VersionStore, parent: str, iterations: int, on_gpu: bool
) -> JobSettings:
    """The settings of a job with that many iterations, from a version of the store.

    Raises:
        ModelError: the version cannot be read.
        ValueError: an option is unknown or does not fit, or the modality cannot be adapted to.
    """
    config = ModelConfig.load(store.training_folder(parent))
    make_preprocessor(request.target.modality, request.preprocessing)
    if not isinstance(config.architecture, Architecture):
        raise ValueError(
            f"model '{config.name}' is a student ({config.architecture.name}), which cannot be adapted: start from its "
            "teacher, a MADM model such as tiny-rgb, and name the student as an option (student)"
        )
    defaults = default_settings(config, request.target.modality, iterations, on_gpu)
    defaults = replace(defaults, student=request.student, labelled_target=request.labelled_target)
    if request.gate is not None:
        defaults = replace(defaults, gate=read_settings(GateConfig, request.gate))
    settings = with_options(defaults, request.options)
    if request.gate is not None and settings.gate != defaults.gate:
        raise ValueError("the gate's limits are no options of a request, but parameters of the server (gate.*)")
    if not settings.student and not isinstance(ModelConfig.load(store.folder(parent)).architecture, Architecture):
        settings = replace(settings, student=str(store.folder(parent)))
    if request.labelled_target and settings.labelled_target != request.labelled_target:
        raise ValueError("labelled_target is no option here, but a parameter of the server")
    if settings.training.iterations != iterations:
        raise ValueError("iterations is no option, but a part of the request itself")
    settings.view.check(config.architecture)
    settings.gate.protected(config.label_set)
    if config.input_range != _TRAINED_RANGE:
        raise ValueError(
            f"the model takes values of {config.input_range}: only those of {_TRAINED_RANGE} can be adapted"
        )
    if settings.paired.paired_topic:
        if settings.training.self_training is None:
            raise ValueError("paired_topic needs self-training, whose pseudo-labels it joins: leave one of them out")
        if settings.paired.paired_topic == request.target.topic:
            raise ValueError("paired_topic is the sensor's own topic: name that of a colour camera beside it")
        paired_classes(ModelConfig.load(resolve_model(settings.paired.paired_model)).label_set, config.label_set)
    if settings.has_student:
        learning = settings.distillation
        chosen = choose_student(settings.student)
        student = student_config(chosen, config, (learning.height, learning.width), chosen.name, config.modality)
        learning.crops(student.input_size).check(student.architecture)
    return settings


def check_paths(request: JobRequest, roots: Sequence[str | Path]) -> None:
    """Refuse a request that names a path outside all roots, however it is written.

    Raises:
        RequestError: it does, or names a link that leads nowhere.
    """
    with _refusals():
        for path in _paths(request):
            check_allowed(path, roots)


def _is_gpu(request: JobRequest) -> bool:
    """Whether a GPU trains, which decides some defaults."""
    return gpu_memory(request.device) is not None


def _paths(request: JobRequest) -> list[Path]:
    """What of the file system the request names."""
    source = folders_of(parse_sources(request.source))
    student = request.options.get("student", "")
    folder = student_path(student) if wants_student(student) else None
    labelled = request.options.get("labelled_target", "")
    models = [folder, *(student_path(name) for name in _paired_models(request.options))]
    return [Path(path) for path in (*request.target.bags, *source, *models, labelled) if path]


def _paired_models(options: Mapping[str, str]) -> list[str]:
    """Models that options name for paired images."""
    return [value for name, value in options.items() if name.rpartition(".")[2] == "paired_model"]


def _files_in(path: Path) -> Iterator[Path]:
    """What a job may read: the file, or what is in a bag's folder, or in a source's and its images/ and labels/."""
    if not path.is_dir():
        yield path
    else:
        yield from itertools.chain(path.iterdir(), *((path / name).glob("*") for name in ("images", "labels")))


def _check_modality(request: JobRequest, store: VersionStore, versions: Sequence[str]) -> None:
    others = {store.info(version).modality for version in versions if version != BASE} - {request.target.modality}
    if others:
        raise RequestError(
            f"{store.root} holds versions for {', '.join(sorted(others))}: give {request.target.modality} a store of "
            "its own"
        )


@contextlib.contextmanager
def _refusals() -> Iterator[None]:
    """Whatever is wrong with a request is a reason to refuse it, and never more than that."""
    try:
        yield
    except (InputError, ModelError, ValueError, OSError) as error:
        raise RequestError(str(error)) from None
    except Exception as error:  # a damaged bag or a strange value makes libraries raise anything
        raise RequestError(f"the request cannot be used ({type(error).__name__}: {error})") from error
