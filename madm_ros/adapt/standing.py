# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""How the running or the last job stands."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from madm_model.jobs.state import JobState, State


@dataclass(frozen=True)
class Standing:
    """How the running or the last job stands."""

    job_id: str = ""
    """Empty if there was none."""
    state: JobState = field(default_factory=lambda: JobState(State.IDLE))
    """Its state; the progress in it is of an earlier run."""
    progress: Mapping[str, Any] = field(default_factory=dict)
    """The last progress event."""

    @property
    def is_busy(self) -> bool:
        """Whether the job is running."""
        return self.state.state.is_running
