# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""Target recordings, read in a process with limits: one that is damaged or made to do harm is an error, no more."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from madm_model.adaptation.data.target_bags import TargetSelection, count_frames, read_frames
from madm_model.adaptation.data.target_frames import META_FILE, TargetFrames, TargetLimits, frame_bytes
from madm_model.io.allowed import Roots
from madm_model.io.frames import InputError
from madm_model.io.limited import LimitedStream, Limits, run_limited
from madm_model.model_config import ModelConfig


def count_recorded(selection: TargetSelection, needed: int, roots: Roots = None) -> int:
    """How many frames are selected.

    Args:
        selection: bags, topic, time range, stride.
        needed: fewer are refused.
        roots: folders that the recordings have to lie in; None: anywhere.

    Raises:
        InputError: as `count_frames` and `LimitedStream`; or they are fewer than needed.
    """
    limits = Limits.of_recordings(selection.bags)
    return run_limited(_named(selection), _count, selection, needed, roots, limits=limits)


def read_recordings(
    selection: TargetSelection,
    preprocessing: Mapping[str, Any],
    config: ModelConfig,
    limits: TargetLimits,
    folder: Path,
    on_frame: Callable[[int, int], None],
    roots: Roots = None,
    check_room: Callable[[int], None] = lambda frames: None,
    on_wait: Callable[[], object] = lambda: None,
) -> TargetFrames:
    """Read the target frames; a folder that an earlier call completed is used as it is.

    Args:
        selection: bags, topic, time range, stride.
        preprocessing: settings of the modality, as of the running node.
        config: of the network that will be trained.
        limits: how many frames are kept.
        folder: gets the frames.
        on_frame: called after every frame with the numbers read and kept so far; may raise to stop.
        roots: folders that the recordings have to lie in; None: anywhere.
        check_room: called with how many frames there may be, before they are read; may raise.
        on_wait: called while none comes; may raise to stop.

    Raises:
        InputError: as `count_recorded` and `read_frames`.
        OSError: the disk is full.
    """
    if not (folder / META_FILE).exists():
        bounds = Limits.of_recordings(selection.bags)
        bounds = replace(bounds, file_bytes=bounds.file_bytes + frame_bytes(config, limits, [limits.max_frames]))
        arguments = (selection, preprocessing, config, limits, folder, roots)
        with LimitedStream(_named(selection), _read, *arguments, limits=bounds, on_wait=on_wait) as numbers:
            check_room(next(numbers)[0])
            for read, kept in numbers:
                on_frame(read, kept)
    return TargetFrames(folder)


def _named(selection: TargetSelection) -> str:
    return ", ".join(selection.bags)


def _read(
    selection: TargetSelection,
    preprocessing: Mapping[str, Any],
    config: ModelConfig,
    limits: TargetLimits,
    folder: Path,
    roots: Roots,
) -> Iterator[tuple[int, int]]:
    """As `read_frames`, after the number of frames that there may be, and none kept of them."""
    yield _count(selection, limits.min_frames, roots), 0
    yield from read_frames(selection, preprocessing, config, limits, folder, roots)


def _count(selection: TargetSelection, needed: int, roots: Roots) -> int:
    frames = count_frames(selection, needed, roots)
    if frames < needed:
        raise InputError(
            f"the selection has {frames} frame{'s' * (frames != 1)}, {needed} are needed: name more bags or a longer "
            "time range, or lower the frame stride"
        )
    return frames
