# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""What frames a new version knows: the reference of its shift, made of those that it was trained on."""

from __future__ import annotations

import numpy as np
import torch

from madm_model.adaptation.data.target_frames import TargetFrames
from madm_model.jobs.candidate import Candidate
from madm_model.jobs.context import JobContext
from madm_model.jobs.gate_run import as_it_will_run
from madm_model.segmenter import NotFiniteError
from madm_model.shift.frame_statistics import frame_statistics
from madm_model.shift.reference import MIN_FRAMES, ShiftReference


def know_frames(
    job: JobContext, candidate: Candidate, target: TargetFrames, count: int, device: torch.device
) -> ShiftReference | None:
    """Statistics of what a version was trained on, segmented by itself as it will run.

    Args:
        job: asked whether to stop; knows in which runtime and number format versions run.
        candidate: the version to be.
        target: frames of the sensor.
        count: how many of them are looked at, spread over all.
        device: where to compute.

    Returns:
        None where there are too few frames, or its scores are not finite.

    Raises:
        JobCanceled: it is to stop.
    """
    chosen = target.training[np.linspace(0, len(target.training) - 1, min(count, len(target.training))).astype(int)]
    if len(chosen) < MIN_FRAMES:
        return None
    statistics = []
    segmenter = as_it_will_run(candidate.network, candidate.config, device, job.request.precision, job.request.runtime)
    try:
        for index in chosen:
            job.events.check_stop()
            image = np.asarray(target.images[int(index)])
            (result,) = segmenter.segment([image])
            classes = len(candidate.config.label_set)
            statistics.append(frame_statistics(image, result.labels, result.confidence, classes))
    except NotFiniteError:
        return None
    finally:
        segmenter.close()
    return ShiftReference.of_frames(statistics)
