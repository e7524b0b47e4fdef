# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""What a folder of checkpoints is used for: a training goes on there with the same settings, and with no others."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from madm_model.io import durable
from madm_model.model_config import ModelError


def claim(path: Path, wanted: dict[str, Any], in_use: bool, what: str, advice: str) -> None:
    """Keep what decides a training's numbers in a file beside its checkpoints, or compare with what is kept.

    Args:
        path: the JSON file.
        wanted: what decides the numbers, as plain data.
        in_use: whether something is there to go on from; if not, the file is written anew.
        what: is there, such as "FOLDER holds a training", for the message.
        advice: what else to do, for the message.

    Raises:
        ModelError: what is there was made with other settings, or nobody knows with which.
    """
    if not in_use:
        durable.write_json(path, wanted)
        return
    try:
        kept = json.loads(path.read_text())
    except (FileNotFoundError, ValueError):  # of an earlier release, or damaged
        raise ModelError(f"{what} with unknown settings, as {path} is missing or damaged: {advice}") from None
    if other := list(_differing(wanted, kept)):
        raise ModelError(f"{what} with another {', '.join(other)}: go on with what {path} says, or {advice}")


def _differing(wanted: Any, kept: Any, name: str = "") -> Iterator[str]:
    """Dotted names of what differs."""
    if isinstance(wanted, dict) and isinstance(kept, dict):
        for key in [*wanted, *(key for key in kept if key not in wanted)]:
            yield from _differing(wanted.get(key), kept.get(key), f"{name}.{key}" if name else key)
    elif wanted != kept:
        yield name
