# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""The gate's table: how often it passes a worse version and refuses a better one, by pool and kind of version."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from madm_model.benchmark.document import markdown_table, put_section
from madm_model.benchmark.gate import predictions
from madm_model.benchmark.gate.config import GateBenchmarkConfig
from madm_model.benchmark.gate.predictions import BASE, Origin
from madm_model.benchmark.gate.verdicts import Rates, Trial, make_trial, rates
from madm_model.jobs.gate import GateConfig

if TYPE_CHECKING:
    from madm_model.benchmark.gate.versions import VersionMaker

_KINDS = ("trained", "mixed", "shifted")


def judge(config: GateBenchmarkConfig, maker: VersionMaker) -> list[Trial]:
    """Every version that is there, measured beside the base of its pool."""
    trials = []
    relabelled = {setting.name: setting.relabelled for setting in config.settings}
    for pool in config.pools:
        folder = maker.pool_folder(pool)
        if not predictions.is_written(folder, BASE):
            continue
        running = predictions.read(folder, BASE)[1]
        settings = {origin.name: origin.setting for origin in _origins(folder)}
        for name in settings:
            origin, predicted = predictions.read(folder, name)
            trained = origin.parent or name
            if trained not in settings and trained != BASE:
                continue  # is made again with its parent
            labels = list(maker.source_labels(relabelled.get(settings.get(trained, BASE), {})))
            trials.append(make_trial(pool.name, running, (origin, predicted), labels, config.gate, config.worse_points))
    return trials


def _origins(folder: Path) -> Iterator[Origin]:
    return (predictions.read_origin(folder, name) for name in predictions.names(folder))


def write_table(config: GateBenchmarkConfig, trials: Sequence[Trial], command: str, document: Path) -> None:
    """Put the table into a document, in place of its earlier one or at the end.

    Raises:
        OSError: the document cannot be written.
    """
    put_section(document, "gate", _section(config, trials, command))


def _section(config: GateBenchmarkConfig, trials: Sequence[Trial], command: str) -> Iterator[str]:
    limits, before = config.gate, replace(config.gate, protect=())
    versions = f"{len(trials)} versions"
    trainings = len({(trial.pool, trial.origin.setting, trial.origin.seed) for trial in trials if _is_trained(trial)})
    yield from (f"### {config.title}", "")
    trained = (
        f"{trainings} trainings of {config.iterations} iterations, {len(config.settings)} settings: "
        f"{', '.join(setting.name for setting in config.settings)}"
        if trainings
        else "none yet"
    )
    yield (
        f"`{command}`: {versions}, each against `{config.base_model}` on {config.gate_streets} frames of as many "
        f"simulated streets; its truth is its IoU on {config.truth_streets} other ones. Trained: {trained}. Mixed: "
        "weights between and beyond the base and the embedded model of the sensor. Shifted: the base or any other one "
        "with something added to the scores of a class. Mixed and shifted ones are made by hand."
    )
    yield ""
    yield (
        f"Worse: loses more than {config.worse_points:g} points of IoU in a protected class, the 95 % interval over "
        "streets below 0. Better: loses nothing in any protected class and gains mIoU. Without: the same gate with "
        "no class protected."
    )
    yield ""
    header = ("pool", "versions", "worse", "pass", "without", "better", "refused", "without", "neither", "refused")
    rows = []
    for pool in config.pools:
        of_pool = [trial for trial in trials if trial.pool == pool.name]
        name = f"{pool.name} (limits were chosen on it)" if pool.chooses_limits else pool.name
        rows += [
            _row(f"{name}: {kind}", chosen, limits, before)
            for kind in _KINDS
            if (chosen := [trial for trial in of_pool if trial.origin.kind == kind])
        ]
        rows.append(_row(f"**{name}**", of_pool, limits, before))
    chooses = {pool.name for pool in config.pools if pool.chooses_limits}
    others = [trial for trial in trials if trial.pool not in chooses]
    if chooses and others:
        rows.append(_row("**all pools that limits were not chosen on**", others, limits, before))
        real = [trial for trial in others if trial.origin.kind == "trained"]
        rows.append(_row("**of these, trained**", real, limits, before))
    yield from markdown_table(header, rows)


def _is_trained(trial: Trial) -> bool:
    return trial.origin.kind == "trained"


def _row(name: str, trials: Sequence[Trial], limits: GateConfig, before: GateConfig) -> tuple[str, ...]:
    now, then = rates(trials, limits), rates(trials, before)
    return (
        *(name, str(len(trials)), str(now.worse), _passed(now), _passed(then)),
        *(str(now.better), _refused(now), _refused(then), str(now.neither), str(now.neither_refused)),
    )


def _passed(found: Rates) -> str:
    return _share(found.passed, found.passed_share)


def _refused(found: Rates) -> str:
    return _share(found.refused, found.refused_share)


def _share(count: int, share: float) -> str:
    return "-" if math.isnan(share) else f"{count} ({100 * share:.0f} %)"
