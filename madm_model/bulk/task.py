# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""One recording as a task: what it is asked, when it is done, and the work itself."""

from __future__ import annotations

import fcntl
import glob
import hashlib
import json
import shutil
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from madm_model.events.edge_config import EdgeConfig
from madm_model.io.durable import publish, remove_folder, write_json
from madm_model.io.frames import InputError
from madm_model.io.json_files import read_object
from madm_model.model_config import ModelError
from madm_model.store.version import checksum

if TYPE_CHECKING:
    from madm_model.segmenter import Segmenter

MARKER = "done.json"
"""In the results of a recording: what they were made of."""
_LOCK = ".lock"


@dataclass(frozen=True)
class SegmentOptions:
    """What all recordings of a run have in common."""

    modality: str
    model: Path
    """Its folder."""
    device: str = "auto"
    runtime: str = "torch"
    topic: str | None = None
    start_s: float | None = None
    end_s: float | None = None
    stride: int = 1
    preprocessing: Mapping[str, Any] = field(default_factory=dict)
    """Values for fields of the modality's configuration."""
    edges: EdgeConfig | None = None
    """How frames are made of events; None where they are not looked for."""
    opacity: float = 0.5

    def key(self) -> str:
        """Tells these options and the model's bytes from others; where it runs does not count."""
        described = asdict(self)
        for name in ("device", "runtime", "model"):
            del described[name]
        files = sorted(path for path in self.model.iterdir() if path.is_file())
        described["model"] = {path.name: checksum(path) for path in files}
        return hashlib.sha256(json.dumps(described, sort_keys=True, default=str).encode()).hexdigest()


@dataclass(frozen=True)
class SegmentTask:
    """A recording that is to be segmented."""

    recording: Path
    out: Path
    """Folder of its results: there as a whole or not at all."""
    options: SegmentOptions
    key: str
    """Of the options and of the recording."""


@dataclass(frozen=True)
class Outcome:
    """What became of a task."""

    task: SegmentTask
    frames: int = 0
    """Frames segmented."""
    left_out: Mapping[str, int] = field(default_factory=dict)
    """Why frames were left out, and how many."""
    failure: str = ""
    """Why the recording was not segmented, or not to its end; empty if it was."""


def recordings(patterns: Sequence[Path], out: Path) -> list[Path]:
    """The recordings that are named, patterns such as drives/* resolved where nothing has that very name.

    Args:
        patterns: as they were given.
        out: folder of the results; a pattern does not mean it.

    Raises:
        InputError: a pattern fits nothing.
    """
    found: list[Path] = []
    for pattern in patterns:
        if pattern.exists() or not glob.has_magic(str(pattern)):
            found.append(pattern)
            continue
        matches = map(Path, sorted(glob.glob(str(pattern), recursive=True)))  # noqa: PTH207 (Path's take no absolute ones)
        others = [match for match in matches if match.absolute() != out.absolute()]
        if not others:
            raise InputError(f"nothing fits {pattern}")
        found += others
    return list(dict.fromkeys(found))


def make_tasks(paths: Sequence[Path], out: Path, options: SegmentOptions) -> list[SegmentTask]:
    """A task for each recording, with results in OUT/NAME; those of one name have their parents' names before it.

    Raises:
        InputError: two of them cannot be told apart.
    """
    names, depth = [path.absolute().name for path in paths], 1
    while (twice := [name for name, count in Counter(names).items() if count > 1]) and depth < 5:
        depth += 1
        names = [
            "_".join(path.absolute().parts[-depth:]) if name in twice else name for path, name in zip(paths, names)
        ]
    if twice:
        raise InputError(f"several recordings would have their results in {out / twice[0]}: give one another --out")
    key = options.key()
    return [
        SegmentTask(path, out / name, options, hashlib.sha256(f"{key} {_identity(path)}".encode()).hexdigest())
        for path, name in zip(paths, names)
    ]


@contextmanager
def the_one_run(out: Path) -> Iterator[None]:
    """Be the only run that writes results to a folder, which is made; the kernel ends this with the process.

    Raises:
        InputError: another run does.
        OSError: it cannot be made.
    """
    out.mkdir(parents=True, exist_ok=True)
    with (out / _LOCK).open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise InputError(f"another run writes to {out}: wait for it, or choose another --out") from None
        yield


def is_done(task: SegmentTask) -> bool:
    """Whether its results are there, made to the end by this model with these options of the recording as it is.

    Raises:
        InputError: what is there was made of something else, or by another program.
    """
    if not task.out.exists() or not any(task.out.iterdir()):
        return False
    try:
        marker = read_object(task.out / MARKER)
    except (OSError, ValueError):
        raise InputError(f"{task.out} is not empty: choose another --out or remove it") from None
    if marker.get("broken_off"):
        return False
    if marker.get("key") != task.key:
        raise InputError(
            f"{task.out} was made by another model, with other options or of a recording that has changed: choose "
            "another --out or remove it"
        )
    return True


def run_task(task: SegmentTask, device: str) -> Outcome:
    """Segment a recording; a failure is told in what is returned. What was made before it broke off is kept.

    Args:
        task: not done.
        device: where the network runs, in place of the task's.
    """
    part = task.out.with_name(f".{task.out.name}.part")
    left_out: list[str] = []
    try:
        shutil.rmtree(part, ignore_errors=True)  # of a run that was killed
        frames, broken_off = _segment(task, device, part, left_out)
        counted = dict(Counter(left_out))
        if not frames:
            shutil.rmtree(part, ignore_errors=True)
            return Outcome(task, 0, counted, broken_off or "no frame could be segmented")
        write_json(part / MARKER, {"key": task.key, "frames": frames, "left_out": counted, "broken_off": broken_off})
        if task.out.exists():  # empty, or up to where the recording broke off
            remove_folder(task.out)
        publish(part, task.out)
    except Exception as error:  # the other recordings can be fine
        shutil.rmtree(part, ignore_errors=True)
        return Outcome(task, failure=_told(error))
    return Outcome(task, frames, counted, broken_off)


def _segment(task: SegmentTask, device: str, part: Path, left_out: list[str]) -> tuple[int, str]:
    """Frames segmented into a folder, and why there are no more; the reasons for those left out are added."""
    from madm_model.recording_source import open_recording

    options = task.options
    source, made_topic = open_recording(
        task.recording,
        options.topic,
        options.edges,
        options.start_s,
        options.end_s,
        options.stride,
        lambda error: left_out.append(str(error)),
    )
    # Now that there is something to segment: these bring PyTorch.
    from madm_model.modalities import make_preprocessor
    from madm_model.recording import ResultFolder, segment_recording

    segmenter = _segmenter(options.model, device, options.runtime)
    results = ResultFolder(part, segmenter.config.label_set, options.opacity, source.rate_hz, source.length, made_topic)
    preprocess = make_preprocessor(options.modality, options.preprocessing)
    summary = segment_recording(source, preprocess, segmenter, results, lambda: None)
    left_out += summary.skipped
    return summary.frames, summary.broken_off


@lru_cache(maxsize=1)
def _segmenter(model: Path, device: str, runtime: str) -> Segmenter:
    """The process's network, which one recording after another uses."""
    from madm_model.segmenter import Segmenter

    return Segmenter.from_folder(model, device, runtime=runtime)


def _identity(path: Path) -> str:
    """Where a recording is and what of it changes when it grows or is replaced.

    Folders in it do not count: nothing reads them, and they may be the results.
    """
    files: Iterable[Path] = path.iterdir() if path.is_dir() else [path]
    stats = [file.stat() for file in files if file.is_file() and file.name != _LOCK]
    return f"{path.absolute()} {sum(one.st_size for one in stats)} {max((one.st_mtime_ns for one in stats), default=0)}"


def _told(error: Exception) -> str:
    if isinstance(error, OSError) and error.filename and error.strerror:
        return f"{error.filename}: {error.strerror.lower()}"
    expected = isinstance(error, (InputError, ModelError, OSError, ValueError))
    return " ".join((str(error) if expected and str(error) else f"{type(error).__name__}: {error}").split())
