# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""Which labelled sources a job learns from, and how often each: `/data/labelled=0.7:sim=0.3` as one text.

Opens none of them: whoever only checks a request starts at once.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

SIMULATOR = "sim"
"""Name of the simulator as a source."""
SENSOR = "sim-sensor"
"""Simulated streets as a random sensor of the target's modality shows them, labelled."""
REPLAY = ""
"""Simulated streets in colour, which keep a network's classes; called replay beside others."""
_REPLAY_NAME = "replay"
_BESIDE_A_FOLDER = 0.5
_UNNAMED = (REPLAY, SENSOR)
"""What has the share that no source is named for, in equal parts: on real thermal streets a job that had colour alone
lost persons, and one with half of each found more (docs/benchmarks.md)."""
_SEPARATOR = re.compile(":(?!//)")
"""A colon, but not that of file:///data."""


@dataclass(frozen=True)
class SourceShare:
    """One source."""

    name: str
    """A folder with images/ and labels/, `SIMULATOR`, `SENSOR` or `REPLAY`."""
    share: float
    """Of the images that are drawn, above 0; shares of all sources sum to 1."""

    @property
    def is_folder(self) -> bool:
        """Whether it is a folder, and not rendered."""
        return self.name not in (SIMULATOR, SENSOR, REPLAY)

    def __str__(self) -> str:
        return f"{self.name or _REPLAY_NAME}={self.share:g}"


def parse_sources(text: str) -> tuple[SourceShare, ...]:
    """Read a text of sources.

    Args:
        text: sources separated by colons, each with =SHARE or without: those without share evenly what is left of 1.
            Where all have one, half of what they leave of 1 is the replay set's, half the simulated sensor's. One
            source without a share: a folder has half; a rendered one has all.

    Raises:
        ValueError: a share is not above 0, they sum to more than 1, or a source comes twice.
    """
    named = [_name_and_share(part) for part in _SEPARATOR.split(text)] if text else []
    if len(named) == 1 and named[0][1] is None:
        alone = SourceShare(named[0][0], 1.0)
        named = [(alone.name, _BESIDE_A_FOLDER if alone.is_folder else 1.0)]
    given = sum(share for _, share in named if share is not None)
    open_ = [name for name, share in named if share is None]
    if given > 1 + 1e-6 or (open_ and given > 1 - 1e-6):
        raise ValueError(f"shares of sources sum to more than 1: {text}")
    sources = [SourceShare(name, (1 - given) / len(open_) if share is None else share) for name, share in named]
    if not open_ and given < 1 - 1e-6:
        if any(source.name == REPLAY for source in sources):
            raise ValueError(f"shares of sources sum to {given:g} and not to 1: {text}")
        unnamed = [name for name in _UNNAMED if not any(source.name == name for source in sources)]
        sources += [SourceShare(name, (1 - given) / len(unnamed)) for name in unnamed]
    if len({source.name for source in sources}) < len(sources):
        raise ValueError(f"a source comes twice: {text}")
    return tuple(sources)


def with_folders(text: str, change: Callable[[str], str]) -> str:
    """The same sources with every folder's path changed, as to an absolute one; shares are left as they are written."""
    parts = []
    for part in _SEPARATOR.split(text) if text else ():
        name, share = _split(part)
        is_folder = SourceShare(name, 1.0).is_folder
        parts.append((change(name) if is_folder else name or _REPLAY_NAME) + share)
    return ":".join(parts)


def folders_of(sources: Iterable[SourceShare]) -> list[str]:
    """The folders among sources."""
    return [source.name for source in sources if source.is_folder]


def in_words(text: str) -> str:
    """Sources and shares for people."""
    names = {
        SIMULATOR: "simulated streets",
        SENSOR: "simulated frames of the target's kind of sensor",
        REPLAY: "replay set (simulated streets)",
    }
    sources = parse_sources(text)
    if len(sources) == 1:
        return names.get(sources[0].name, sources[0].name)
    return ", ".join(f"{100 * source.share:.0f} % {names.get(source.name, source.name)}" for source in sources)


def without_replay(sources: tuple[SourceShare, ...]) -> tuple[SourceShare, ...]:
    """The others in proportion, where there are any; for models that have none of the simulator's classes."""
    others = [source for source in sources if source.name not in _UNNAMED]
    total = sum(source.share for source in others)
    return tuple(replace(source, share=source.share / total) for source in others) or sources


def _split(part: str) -> tuple[str, str]:
    """Name and `=SHARE` of one source; a folder's name may have another = in it."""
    name, _, share = part.rpartition("=")
    try:
        float(share)
    except ValueError:
        name = ""
    if not name:
        name, share = part, ""
    return (REPLAY if name == _REPLAY_NAME else name), f"={share}" if share else ""


def _name_and_share(part: str) -> tuple[str, float | None]:
    name, share = _split(part)
    if not share:
        return name, None
    value = float(share.removeprefix("="))
    if not (math.isfinite(value) and 0 < value <= 1):
        raise ValueError(f"source '{part}': its share has to be above 0 and at most 1")
    return name, value
