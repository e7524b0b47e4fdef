# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""Recordings, read in a process with limits."""

from __future__ import annotations

from adaptation_samples import CONFIG, write_bag

from madm_model.adaptation.data import limited_reading
from madm_model.adaptation.data.target_bags import TargetSelection
from madm_model.adaptation.data.target_frames import TargetLimits
from madm_model.distillation.frames import RecordedTarget

WITH_LIMITS = True


def test_what_a_student_learns_from_is_read_in_another_process(tmp_path, monkeypatch) -> None:
    def hang(*_: object) -> None:
        raise AssertionError("read here, where a damaged recording would hang, or take the memory")

    monkeypatch.setattr(limited_reading, "read_frames", hang)
    target = RecordedTarget(TargetSelection((str(write_bag(tmp_path / "bag")),), "thermal"), {})
    told = []
    frames = target.collect(CONFIG, TargetLimits(min_frames=2), tmp_path / "frames", lambda *one: told.append(one))
    assert told[-1] == (24, 24)
    assert len(frames) == 24
