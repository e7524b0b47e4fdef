# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""From recorded bags to the target frames of a training: streamed, thinned, on disk as network images.

Every frame takes the way it takes live: decoded, prepared by its modality, scaled as for the network. Memory holds one
frame at a time, and the file holds at most `TargetLimits.max_frames`, however long the bags are.
"""

from __future__ import annotations

import contextlib
import itertools
import math
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from madm_model.adaptation.data.paired_images import PairedImages, open_paired
from madm_model.adaptation.data.target_frames import (
    FRAMES_FILE,
    META_FILE,
    PAIRED_FILE,
    FrameCollector,
    TargetFrames,
    TargetLimits,
)
from madm_model.adaptation.paired_config import PairedConfig
from madm_model.events.bags import event_topics
from madm_model.events.container import EventError
from madm_model.events.edge_config import EdgeConfig
from madm_model.events.edge_source import open_edge_frames
from madm_model.events.recording import FILE_SUFFIXES, open_events
from madm_model.io.allowed import Roots, held
from madm_model.io.bags import BagError, BagReader, bags_in
from madm_model.io.frames import FrameError, InputError, RawFrame
from madm_model.modalities import make_preprocessor
from madm_model.model_config import ModelConfig


@dataclass(frozen=True)
class TargetSelection:
    """Which frames of which bags."""

    bags: tuple[str, ...]
    """Paths of the bags, or of folders of bags; for events also of event files."""
    modality: str
    """How the frames are prepared: thermal, depth, event or rgb."""
    topic: str = ""
    """Topic of images, or of events for the modality event; empty for the only one."""
    start_s: float = 0.0
    """Seconds of each bag that are skipped."""
    end_s: float = 0.0
    """Second of each bag at which reading stops; 0 for its end."""
    stride: int = 1
    """Every n-th frame is looked at."""
    edges: Mapping[str, Any] = field(default_factory=dict)
    """Fields of EdgeConfig, as of the running node, for events; frames come by time whatever its window."""
    paired: PairedConfig | None = None
    """A colour camera in the same bags; None without."""

    def __post_init__(self) -> None:
        if not self.bags:
            raise ValueError("no bag is named: give at least one recording of the target sensor")
        self.edge_config()
        if not math.isfinite(self.start_s) or not math.isfinite(self.end_s):
            raise ValueError("start_s and end_s have to be finite numbers of seconds")
        if self.stride < 1 or self.start_s < 0 or self.end_s < 0 or 0 < self.end_s <= self.start_s:
            raise ValueError("the frame stride must be at least 1, and start_s and end_s rising times from 0 on")

    def edge_config(self) -> EdgeConfig:
        """How frames are made of events.

        Raises:
            ValueError: `edges` has an unknown name, or a value that makes no sense.
        """
        if unknown := set(self.edges) - set(EdgeConfig.__dataclass_fields__):
            raise ValueError(f"unknown setting of edge frames '{min(unknown)}'")
        return replace(EdgeConfig(**self.edges), window="time")


def collect_frames(
    selection: TargetSelection,
    preprocessing: Mapping[str, Any],
    config: ModelConfig,
    limits: TargetLimits,
    folder: Path,
    on_frame: Callable[[int, int], None] = lambda read, kept: None,
) -> TargetFrames:
    """Do all of `read_frames` in this process; a folder that an earlier call completed is used as it is."""
    if not (folder / META_FILE).exists():
        for read, kept in read_frames(selection, preprocessing, config, limits, folder):
            on_frame(read, kept)
    return TargetFrames(folder)


def read_frames(
    selection: TargetSelection,
    preprocessing: Mapping[str, Any],
    config: ModelConfig,
    limits: TargetLimits,
    folder: Path,
    roots: Roots = None,
) -> Iterator[tuple[int, int]]:
    """Read the bags once.

    Args:
        selection: bags, topic, time range, stride.
        preprocessing: settings of the modality, as of the running node.
        config: of the network that will be trained.
        limits: how many frames are kept.
        folder: gets `frames.bin` and, when all is read, `frames.json`: then it can be opened as `TargetFrames`.
        roots: folders that the bags have to lie in.

    Yields:
        after every frame the numbers read and kept so far.

    Raises:
        InputError: a bag cannot be opened, or has no such topic, or too few usable frames remain.
        OSError: the disk is full.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with contextlib.ExitStack() as files:
        file = files.enter_context((folder / FRAMES_FILE).open("w+b"))
        paired = files.enter_context((folder / PAIRED_FILE).open("w+b")) if selection.paired is not None else None
        collector = FrameCollector(file, config, limits, paired)
        notes: list[str] = []
        missed_s: list[float] = []
        for bag in _single_bags(selection):
            try:
                yield from _read_bag(bag, selection, preprocessing, collector, roots, notes, missed_s)
            except InputError:
                if bag.exists() or str(bag) in selection.bags:
                    raise
                notes.append(f"{bag} has gone meanwhile.")  # a recorder deletes its oldest segments
        if not collector.read and notes:
            raise InputError(f"no frame could be used. {' '.join(notes)}")
        if selection.paired is not None and not collector.pairs:
            raise _no_pairs(selection.paired, min(missed_s, default=math.inf))
        more = f"record more, or widen the time range. {' '.join(notes)}".strip()
        collector.complete(folder, more, {"notes": notes, "selection": asdict(selection)})


def _single_bags(selection: TargetSelection) -> list[Path]:
    """The bags that are named, and those in folders of bags that are named."""
    return [bag for path in map(Path, selection.bags) for bag in (bags_in(path) or [path])]


def _read_bag(
    path: Path,
    selection: TargetSelection,
    preprocessing: Mapping[str, Any],
    collector: FrameCollector,
    roots: Roots,
    notes: list[str],
    missed_s: list[float],
) -> Iterator[tuple[int, int]]:
    """Feed one bag to the collector, add what has to be told about it to the notes, and by how much pairs failed."""
    bad: list[FrameError] = []
    bad_images: list[FrameError] = []
    preprocess = make_preprocessor(selection.modality, preprocessing)  # its own: gain control follows one recording
    collector.begin_bag()
    try:
        with _paired_images(path, selection, roots, bad_images.append) as paired:
            for frame in _frames(path, selection, roots, bad.append):
                try:
                    image = preprocess(frame)
                    collector.add(image, paired.of(frame) if paired is not None else None)
                except FrameError as error:
                    bad.append(error)
                yield collector.read, collector.count
            if paired is not None:
                missed_s.append(paired.missed_s)
    except (BagError, EventError) as error:
        if not collector.read_of_bag:
            raise
        notes.append(f"{path} was read up to where it breaks: {error}.")
    if bad:
        notes.append(f"{len(bad)} frames of {path} could not be used, the first because {bad[0]}.")
    if bad_images:
        notes.append(f"{len(bad_images)} paired images of {path} could not be used, the first because {bad_images[0]}.")


def _frames(
    path: Path, selection: TargetSelection, roots: Roots, on_bad_frame: Callable[[FrameError], None]
) -> Iterator[RawFrame]:
    """The selected frames of one recording: its images, or edge frames of its events."""
    topic, start_s, end_s = selection.topic or None, selection.start_s or None, selection.end_s or None
    with held(path, roots) as opened:
        if _is_of_events(opened, selection):
            config = selection.edge_config()
            yield from open_edge_frames(opened, topic, config, None, start_s, end_s, selection.stride)
        else:
            with BagReader(opened) as reader:
                yield from reader.frames(topic, start_s, end_s, selection.stride, on_bad_frame)
                reader.check_whole(end_s)


@contextlib.contextmanager
def _paired_images(
    path: Path, selection: TargetSelection, roots: Roots, on_bad_image: Callable[[FrameError], None]
) -> Iterator[PairedImages | None]:
    """The paired images of one recording; None without."""
    if selection.paired is None or path.suffix.lower() in FILE_SUFFIXES:
        yield None
        return
    span = selection.start_s, selection.end_s
    with held(path, roots) as opened, open_paired(opened, selection.paired, *span, on_bad_image) as paired:
        yield paired


def _no_pairs(config: PairedConfig, missed_s: float) -> InputError:
    near = f"the nearest is {missed_s:.3f} s away" if math.isfinite(missed_s) else "there are none"
    return InputError(
        f"no image of {config.paired_topic} was taken within {config.paired_tolerance:g} s of a frame, {near}: check "
        "paired_topic and paired_tolerance, or leave them out"
    )


def _is_of_events(path: Path, selection: TargetSelection) -> bool:
    """Whether a recording is read as events; finished edge frames on an image topic are images.

    Raises:
        BagError: the bag cannot be opened.
    """
    if selection.modality != "event" or path.suffix.lower() in FILE_SUFFIXES:
        return selection.modality == "event"
    with BagReader(path) as reader:
        images, events = reader.image_topics(), event_topics(reader)
    return selection.topic not in images if selection.topic else bool(events) or not images


def count_frames(selection: TargetSelection, enough: int = 0, roots: Roots = None) -> int:
    """How many frames the selection has, duplicates among them.

    Bags are opened but not read: a span of time is taken to have its share of a topic's messages. Where that is less
    than `enough`, and the topic has more, the messages of the span are counted, up to `enough`.

    Args:
        selection: bags, topic, time range, stride.
        enough: so many need not be counted beyond.
        roots: folders that the bags have to lie in.

    Raises:
        InputError: a bag cannot be opened or has no such topic of images or events.
    """
    count, has_paired = 0, selection.paired is None
    for bag in _single_bags(selection):
        with held(bag, roots) as opened:
            count += _count_of_bag(opened, selection, enough)
            has_paired = has_paired or _has_paired(opened, selection.paired)
    if not has_paired and selection.paired is not None:
        raise _no_pairs(selection.paired, math.inf)
    return min(count, sys.maxsize)


def _has_paired(path: Path, config: PairedConfig | None) -> bool:
    """Whether a recording has the topic of paired images.

    Raises:
        BagError: it is none of images.
    """
    if config is None or path.suffix.lower() in FILE_SUFFIXES:
        return False
    with BagReader(path) as reader:
        return config.paired_topic in reader.topics() and bool(reader.choose_topic(config.paired_topic))


def _count_of_bag(path: Path, selection: TargetSelection, enough: int) -> int:
    topic = selection.topic or None
    is_of_events = _is_of_events(path, selection)
    if is_of_events:
        open_events(path, topic)
    if is_of_events and path.suffix.lower() in FILE_SUFFIXES:
        return sys.maxsize  # only reading tells
    with BagReader(path) as reader:
        duration_s = reader.duration_s
        span_s = min(selection.end_s or duration_s, duration_s) - selection.start_s
        if is_of_events:
            return max(0, math.ceil(span_s / selection.edge_config().period_s / selection.stride))
        topic = reader.choose_topic(topic)
        count = reader.topics()[topic].count
        share = max(0.0, span_s / duration_s) if duration_s else 1.0
        estimate = math.ceil(count * share / selection.stride)
        if estimate >= enough or count < enough * selection.stride:
            return estimate
        messages, found = reader.raw_messages([topic], selection.start_s or None, selection.end_s or None), 0
        with contextlib.suppress(BagError):  # one that breaks in the middle is used up to there
            for _ in itertools.islice(messages, enough * selection.stride):
                found += 1
        return math.ceil(found / selection.stride)
