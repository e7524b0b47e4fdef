# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""Candidates of a job before the gate: the trained network, and where it is refused, earlier states of its training."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import torch

from madm_model.adaptation.data.source_frames import SourceFrames
from madm_model.adaptation.data.target_frames import TargetFrames
from madm_model.adaptation.data.training_data import JobData
from madm_model.adaptation.self_training import SelfTraining
from madm_model.jobs import gate_run
from madm_model.jobs.candidate import Candidate
from madm_model.jobs.context import JobContext
from madm_model.jobs.earlier_states import EarlierStates
from madm_model.jobs.room import free_memory
from madm_model.jobs.settings import JobSettings
from madm_model.jobs.state import State
from madm_model.jobs.training import Trained


@dataclass(frozen=True)
class Comparison:
    """What candidates are compared by; called with one, it gives the gate's evidence."""

    job: JobContext
    """The job."""
    running: Path
    """Model folder of the running version."""
    opinions: gate_run.Opinions
    """Of the teacher after the last step."""
    data: JobData
    """Knows which source frames were not trained on."""
    source: SourceFrames
    """Labelled frames."""
    target: TargetFrames
    """Frames of the sensor."""
    settings: JobSettings
    """The job's."""
    device: torch.device
    """Where to compute."""
    labelled: SourceFrames | None = None
    """Labelled frames of the target, which decide first; None without."""

    def __call__(self, candidate: Candidate) -> gate_run.Evidence:
        """Compare a candidate with the running version.

        Raises:
            JobCanceled: the job is to stop.
        """
        return gate_run.examine(
            candidate.network,
            candidate.config,
            self.running,
            self.opinions,
            self.data.held_out,
            self.source,
            self.target,
            self.settings,
            self.device,
            self.job.request.precision,
            self.job.request.runtime,
            self.job.events.check_stop,
            self.labelled,
        )

    def first_that_passes(
        self, earlier: EarlierStates, fresh: Callable[[], SelfTraining], refused: Candidate, trained: Trained
    ) -> tuple[Candidate, gate_run.Evidence, Trained] | None:
        """The newest earlier state that passes, and how long it had been trained; None if none does.

        Args:
            earlier: states of the training.
            fresh: makes the training as it was before its first step.
            refused: its last state.
            trained: how long that had been trained.

        Raises:
            JobCanceled: the job is to stop.
        """
        for done in earlier.newest_first(trained.iterations):
            self.job.events.state(
                State.EVALUATING, f"the last state did not pass the gate: looking at that after {done} iterations"
            )
            trainer = earlier.bring_back(done, fresh)
            state = f"after {done} of {trained.iterations} iterations: later ones did not pass the gate"
            candidate = replace(refused, network=trainer.finish(), state=state)
            del trainer
            free_memory(self.device)
            evidence = self(candidate)
            if evidence.result.passed:
                return candidate, evidence, replace(trained, iterations=done)
        return None
