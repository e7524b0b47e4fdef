# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""Which folder a model's name means."""

from __future__ import annotations

import logging
from functools import cache
from pathlib import Path

from madm_model.model_config import CONFIG_FILE, EMBEDDED_WEIGHTS

logger = logging.getLogger(__name__)

EMBEDDED = "tiny-rgb"
"""Name of the model that comes with the package and has been trained on colour: what the others began as."""


def embedded_model(modality: str) -> str:
    """Name of the embedded model for a modality: a student of it, which is quick, else a MADM adapted to it.

    A job adapts the MADM beside a student (`store.version.training_start`) and has it teach that student.
    """
    names = (f"student-{modality}", f"tiny-{modality}", EMBEDDED)
    return next(name for name in names if (EMBEDDED_WEIGHTS / name / CONFIG_FILE).is_file())


def resolve_model(name_or_path: str | Path) -> Path:
    """The folder of a model: an embedded one by its name, any other by its path.

    A folder called as an embedded model is meant where it is written as a path (``./student-thermal``) only.
    """
    name = str(name_or_path)
    if name == Path(name).name and (EMBEDDED_WEIGHTS / name / CONFIG_FILE).is_file():
        if Path(name, CONFIG_FILE).is_file():
            _tell_which(name)
        return EMBEDDED_WEIGHTS / name
    return Path(name_or_path).expanduser()


@cache
def _tell_which(name: str) -> None:
    logger.warning("%s is the model that comes with MADM: write ./%s for the folder of that name here", name, name)
