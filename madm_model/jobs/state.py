# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""How a job stands: where it is in its stages, or how it ended."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import Any


class State(str, Enum):
    """States of a job, as `state.json` and events write them; `AdaptStatus` has a number for each, by the same name."""

    IDLE = "idle"
    """There is no job."""
    PREPARING = "preparing"
    TRAINING = "training"
    EVALUATING = "evaluating"
    """The gate compares the new version with the running one."""
    ACTIVATED = "activated"
    NOT_ACTIVATED = "not_activated"
    """The new version is only kept: the gate, the request or someone who activated another one wanted it so."""
    CANCELED = "canceled"
    FAILED = "failed"
    INTERRUPTED = "interrupted"
    """Its process was ended from outside."""

    def __str__(self) -> str:
        return self.value

    @property
    def is_running(self) -> bool:
        """Whether a job in this state is at work."""
        return self in (State.PREPARING, State.TRAINING, State.EVALUATING)

    @property
    def is_resumable(self) -> bool:
        """Whether a job in this state, if no process runs it, can go on: the gate has not judged it."""
        return self.is_running or self in (State.CANCELED, State.FAILED, State.INTERRUPTED)


@dataclass(frozen=True)
class JobState:
    """How a job stands; kept in its folder."""

    state: State = State.PREPARING
    """Where it is, or how it ended."""
    message: str = ""
    """One sentence for a person."""
    parent: str = ""
    """Version the training started from."""
    iterations: int = 0
    """Optimiser steps decided on; 0 as long as the time budget has not been turned into iterations."""
    student_iterations: int = 0
    """Those of the student, likewise."""
    new_version: str = ""
    """Version that was written; empty before."""
    report: str = ""
    """Path of the report page; empty before it is written."""
    progress: Mapping[str, Any] = field(default_factory=dict)
    """The last progress event."""

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> JobState:
        """Read back what `dataclasses.asdict` gave, or what an event of the kind "state" tells.

        Raises:
            ValueError: there is no such state.
            TypeError: there are other fields.
        """
        state = cls(**data)
        return replace(state, state=State(state.state))
