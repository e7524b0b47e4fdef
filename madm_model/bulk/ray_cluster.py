# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""Tasks on a Ray cluster, whose machines see recordings, model and results at the same paths."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence

from madm_model.bulk.task import Outcome, SegmentTask, run_task
from madm_model.io.frames import InputError


def run_on_ray(tasks: Sequence[SegmentTask], address: str) -> Iterator[Outcome]:
    """Run tasks where the cluster has a core for them, or a GPU where it has GPUs and they may take one.

    Args:
        tasks: not done.
        address: of the cluster, such as ray://head:10001 or auto; local: one of this machine, for as long as it takes.

    Yields:
        what became of each task, in the order in which they end.

    Raises:
        InputError: Ray is not installed, or the cluster cannot be reached.
    """
    try:
        import ray
    except ImportError:
        raise InputError("--ray needs the package ray, which is not installed: pip install ray") from None
    try:
        ray.init(address=address, log_to_driver=False, logging_level=logging.WARNING)
    except (ConnectionError, RuntimeError, ValueError, ray.exceptions.RayError) as error:
        raise InputError(f"the Ray cluster {address} cannot be reached: {' '.join(str(error).split())}") from None
    try:
        on_gpu = ray.cluster_resources().get("GPU", 0) > 0 and tasks[0].options.device in ("auto", "cuda")
        # What a crash leaves is told like any failure, and not tried again by itself.
        remote = ray.remote(num_cpus=1, num_gpus=1 if on_gpu else 0, max_retries=0)(run_task)
        waiting = {remote.remote(task, task.options.device): task for task in tasks}
        while waiting:
            (ready,), _ = ray.wait(list(waiting), num_returns=1)
            task = waiting.pop(ready)
            try:
                outcome = ray.get(ready)
            except ray.exceptions.RayError as error:
                outcome = Outcome(task, failure=f"its process on the cluster has ended: {str(error).splitlines()[0]}")
            yield outcome
    finally:
        ray.shutdown()
