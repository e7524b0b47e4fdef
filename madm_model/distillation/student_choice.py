# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""Which student is meant by a name: fresh weights of a named size, or a model folder to go on from."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from madm_model.architecture import Architecture
from madm_model.checkpoint.model_names import resolve_model
from madm_model.model_config import CONFIG_FILE, ModelConfig, ModelError
from madm_model.students.architecture import STUDENTS, StudentArchitecture


@dataclass(frozen=True)
class StudentChoice:
    """A student before its training."""

    name: str
    """As it was asked for."""
    architecture: StudentArchitecture
    """Its sizes."""
    folder: Path | None = None
    """Model folder whose weights it starts from; None: fresh ones."""

    def teachers(self, teacher: Path, own_share: float) -> dict[Path, float]:
        """Folders of those who label its target, and their shares: its teacher, and itself if it has been trained."""
        return {teacher: 1.0} if self.folder is None else {teacher: 1 - own_share, self.folder: own_share}


def choose_student(name: str) -> StudentChoice:
    """Find a student by the name of its size, or by its model folder.

    Raises:
        ModelError: there is none, or the folder holds a MADM.
    """
    if name in STUDENTS:
        return StudentChoice(name, STUDENTS[name])
    folder = resolve_model(name)
    if not (folder / CONFIG_FILE).is_file():
        raise ModelError(f"there is no student '{name}': use one of {', '.join(STUDENTS)}, or a student's model folder")
    config = ModelConfig.load(folder)
    if isinstance(config.architecture, Architecture):
        raise ModelError(
            f"model '{config.name}' is a {config.architecture.name}, no student: use one of {', '.join(STUDENTS)}, or "
            "a student's model folder"
        )
    return StudentChoice(name, config.architecture, folder.absolute())


def student_path(name: str) -> Path | None:
    """The folder that a student's name is; None for one that is named, comes with the package, or is just a word."""
    folder = resolve_model(name)
    is_path = folder == Path(name).expanduser() and (folder.exists() or len(folder.parts) > 1)
    return folder if is_path and name not in STUDENTS else None


def student_config(
    choice: StudentChoice, teacher: ModelConfig, size: tuple[int, int], name: str, modality: str
) -> ModelConfig:
    """What the model folder of a student will say.

    Args:
        choice: the student.
        teacher: whose classes it has.
        size: rows and columns that it sees live; 0 for those of the student that is started from, else the teacher's.
        name: of the model.
        modality: of the target.

    Raises:
        ModelError: the student that is started from has other classes, or the size does not fit.
    """
    multiple = choice.architecture.size_multiple
    default = tuple(-(-side // multiple) * multiple for side in teacher.input_size)
    if choice.folder is not None:
        found = ModelConfig.load(choice.folder)
        if found.label_set.names != teacher.label_set.names:
            raise ModelError(
                f"student '{found.name}' has other classes than '{teacher.name}', its teacher: start from fresh "
                f"weights, such as {next(iter(STUDENTS))}"
            )
        default = found.input_size
    rows, columns = (wanted or given for wanted, given in zip(size, default))
    return ModelConfig(name, choice.architecture, teacher.label_set, modality, (rows, columns), teacher.keep_aspect)
