# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""The card of a model that a benchmark's run has trained: where it comes from and what it scored."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from madm_model.benchmark.document import Report
from madm_model.benchmark.summary import BLOCK_SCORE
from madm_model.benchmark.workbench import Result
from madm_model.evaluation.bootstrap import miou_interval
from madm_model.model_config import ModelConfig

CARD_FILE = "MODEL_CARD.md"


def write_card(folder: Path, result: Result, report: Report) -> None:
    """Write the card into a run's model folder.

    Raises:
        OSError: the card cannot be written.
        ModelError: the folder holds no model.
    """
    (folder / CARD_FILE).write_text("\n".join(_lines(ModelConfig.load(folder), result, report)) + "\n")


def _bias(model: ModelConfig) -> str:
    """What logit adjustment has added to the score of each class, in nats."""
    bias = zip(model.label_set.names, model.class_bias)
    return ", ".join(f"{name} +{value:.2f}" for name, value in bias if value)


def _lines(model: ModelConfig, result: Result, report: Report) -> Iterator[str]:
    modality, config = result.run.modality, report.config
    before, after = report.unadapted.get(modality, {}), result.scores[modality]
    yield from (
        f"# {model.name}",
        "",
        f"`{config.base_model}` adapted to {modality} without a label of it: run `{result.run.name}` of the benchmark",
        f'"{config.title}".',
        "",
        "| | |",
        "| --- | --- |",
        f"| command | `{report.command} --only {result.run.name}` |",
        f"| base | `{config.base_model}`, weights {report.base_id} |",
        f"| iterations | {config.iterations}, batch {config.view.batch_size} |",
        *(f"| added to the scores | {text} |" for text in [_bias(model)] if text),
        f"| time | {result.seconds / 60:.0f} min of training; {result.machine} |",
        "",
        report.frames + " Scores in %:",
        "",
        "| score | base | adapted |",
        "| --- | --- | --- |",
    )
    for name, value in after.items():
        yield f"| {name} | {f'{before[name]:.1f}' if name in before else '-'} | {value:.1f}{_interval(result, name)} |"


def _interval(result: Result, score: str) -> str:
    """95 % interval over the streets that were scored on, where it is known."""
    blocks = result.blocks.get(result.run.modality)
    if blocks is None or score != BLOCK_SCORE:
        return ""
    low, high = miou_interval(blocks)
    return f" [{100 * low:.1f}, {100 * high:.1f}] (95 % over streets)"
