# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""How all runs of a benchmark train, in words: a table's rows."""

from __future__ import annotations

from collections.abc import Iterator

from madm_model.benchmark.config import BenchmarkConfig


def settings_rows(config: BenchmarkConfig) -> list[tuple[str, str]]:
    """Name and value of what all runs have in common, what neither paper nor released code has last."""
    optimizer, view = config.optimizer, config.view
    rows = [
        ("iterations", f"{config.iterations}, batch {view.batch_size} of source and of target"),
        ("crop", f"{view.crop_height} x {view.crop_width}, magnified {view.min_scale:g} to {view.max_scale:g}"),
        (
            "optimiser",
            f"AdamW, learning rate {optimizer.learning_rate:g}, decay {optimizer.weight_decay:g}, "
            f"clip {optimizer.gradient_clip:g}, warm-up {optimizer.warmup_iterations}",
        ),
        ("teacher", f"momentum up to {config.teacher.momentum:g}, mode {config.teacher.mode}"),
        ("seeds", ", ".join(map(str, config.seeds))),
    ]
    additions = ", ".join(_additions(config))
    return [*rows, ("beside the paper", additions)] if additions else rows


def _additions(config: BenchmarkConfig) -> Iterator[str]:
    if config.certainty == "class":
        yield f"certainty by class (surest {100 * config.certain_share:g} %)"
    if config.masked_consistency is not None:
        yield "masked image consistency"
    if config.logit_adjustment:
        whose = "the source" if config.logit_prior == "source" else "the start's labels of the target"
        yield f"logit adjustment {config.logit_adjustment:g} by the shares of {whose}"
    if config.averaged_share:
        yield f"weights averaged over the last {100 * config.averaged_share:g} % of the iterations"
    if config.target_norm_batches or config.source_norm_batches:
        counts = {"target": config.target_norm_batches, "source": config.source_norm_batches}
        yield f"norm statistics of {' and '.join(f'{count} {name}' for name, count in counts.items() if count)} batches"
    if config.view.source_appearance:
        yield "source in random appearance"
