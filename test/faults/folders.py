# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""Model folders whose files were damaged or mixed up: one ModelError, or a network that labels."""

from __future__ import annotations

import json
import random
import shutil
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from adaptation_samples import write_model

from faults import bounded
from faults.bytes import damage
from faults.report import Tally
from madm_model.model_config import ModelError

_VALUES = [
    None,
    True,
    0,
    -1,
    1,
    7,
    2**31,
    2**63,
    1e999,
    float("nan"),
    0.5,
    "",
    "x",
    "\0",
    [],
    {},
    [0, 0],
    [[]],
    [None] * 3,
]
_SECONDS, _MEMORY_MB = 60, 1024


def run(seed: int, count: int) -> Tally:
    """Change a value of the configuration, or bytes of a file, or the header of the weights."""
    tally, chance = Tally("folders"), random.Random(seed)
    with TemporaryDirectory() as name:
        whole, damaged = write_model(Path(name) / "whole"), Path(name) / "damaged"
        for number in range(count):
            shutil.rmtree(damaged, ignore_errors=True)
            shutil.copytree(whole, damaged)
            what = chance.choice([_change_config, _change_header, _damage_bytes, _replace_file])(damaged, chance)
            with tally.fault(f"seed {seed}, fault {number}: {what}"):
                bounded.call(_use, str(damaged), refusals=(ModelError,), seconds=_SECONDS, memory_mb=_MEMORY_MB)
    return tally


def _use(folder: str) -> None:
    import numpy as np
    import torch

    from madm_model.segmenter import Segmenter

    torch.set_num_threads(1)
    image = np.full((48, 64, 3), 90, np.uint8)
    result = Segmenter.from_folder(folder, "cpu").segment([image])[0]
    assert result.labels.shape == image.shape[:2]


def _change_config(folder: Path, chance: random.Random) -> str:
    path = folder / "config.json"
    data = json.loads(path.read_text())
    what = _change(data, chance)
    path.write_text(json.dumps(data))
    return f"config.json: {what}"


def _change_header(folder: Path, chance: random.Random) -> str:
    path = folder / "model.safetensors"
    content = path.read_bytes()
    end = 8 + int.from_bytes(content[:8], "little")
    header = json.loads(content[8:end])
    what = _change(header, chance)
    changed = json.dumps(header).encode()
    path.write_bytes(len(changed).to_bytes(8, "little") + changed + content[end:])
    return f"header of the weights: {what}"


def _damage_bytes(folder: Path, chance: random.Random) -> str:
    path = folder / chance.choice(["config.json", "model.safetensors"])
    content = path.read_bytes()
    if path.suffix == ".safetensors" and chance.random() < 0.5:  # where the weights are described
        what, head = damage(content[:400], chance)
        content = head + content[400:]
    else:
        what, content = damage(content, chance)
    path.write_bytes(content)
    return f"{path.name}: {what}"


def _replace_file(folder: Path, chance: random.Random) -> str:
    path = folder / chance.choice(["config.json", "model.safetensors"])
    kind = chance.choice(["is missing", "is a folder", "is unreadable", "dangles", "is deep", "is empty"])
    path.unlink()
    if kind == "is a folder":
        path.mkdir()
    elif kind == "is unreadable":
        path.symlink_to("/proc/self/mem")
    elif kind == "dangles":
        path.symlink_to(folder / "nothing")
    elif kind == "is deep":
        path.write_text("[" * 100_000)
    elif kind == "is empty":
        path.touch()
    return f"{path.name} {kind}"


def _change(data: dict[str, Any], chance: random.Random) -> str:
    """Change, remove or rename one value of a tree, at whatever depth."""
    holder: Any = data
    where = []
    while True:
        key = chance.choice(list(holder) if isinstance(holder, dict) else range(len(holder)))
        where.append(str(key))
        inner = holder[key]
        if not isinstance(inner, (dict, list)) or not inner or chance.random() < 0.3:
            break
        holder = inner
    kind = chance.choice(["set", "set", "set", "remove", "double"])
    if kind == "remove":
        del holder[key]
    elif kind == "double" and isinstance(holder, list):
        holder.append(holder[key])
    else:
        value = chance.choice(_VALUES)
        holder[key] = value
        kind = f"= {value!r}"
    return f"{'.'.join(where)} {kind}"
