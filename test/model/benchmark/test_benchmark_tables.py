# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""Numbers over seeds, what is missing, and how a document keeps its other text."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pytest

from madm_model.adaptation.config import AblationRow
from madm_model.benchmark.config import BenchmarkConfig
from madm_model.benchmark.document import Report, time_chart, write_section
from madm_model.benchmark.plan import plan
from madm_model.benchmark.progress import BenchmarkProgress, duration
from madm_model.benchmark.summary import CurvePoint, Figure, Summary, figure
from madm_model.benchmark.workbench import Result

ROWS = (AblationRow.BASELINE, AblationRow.MADM)
CONFIG = BenchmarkConfig("Rows", "simulator", 100, rows=ROWS, seeds=(0, 1), evaluate_at=(50,))


def _result(run, first: float, last: float, seconds: float = 200.0) -> Result:
    points = [(50, seconds / 2, first), (100, seconds, last)]
    curve = [
        {"iteration": iteration, "seconds": at, "scores": {"thermal": {"mIoU": value, "sky IoU": value + 1}}}
        for iteration, at, value in points
    ]
    return Result(run, curve, seconds, 2 * seconds, "a machine")


def _report(config: BenchmarkConfig, results: list[Result]) -> Report:
    return Report(
        *("rows", "madm benchmark rows.yaml", config, Summary(plan(config), results)),
        *({"thermal": {"mIoU": 5.0, "sky IoU": 9.0}}, "0123", ("mIoU",), "mIoU", "Frames.", "elsewhere"),
        {"mIoU": 14.5},
    )


def test_mean_and_spread():
    assert figure([]) is None
    assert figure([3.0]) == Figure(3.0, None, 1)
    found = figure([1.0, 2.0, 6.0])
    assert found is not None and found.mean == 3.0 and found.spread == pytest.approx(7**0.5)
    assert str(found) == "3.0 ± 2.6"


def test_the_table_has_gains_and_marks_what_is_missing(tmp_path):
    baseline, madm, *_ = runs = plan(CONFIG)
    seed1 = runs[2]
    results = [_result(baseline, 10, 20), _result(seed1, 12, 24)]
    document = tmp_path / "docs/benchmarks.md"
    write_section(_report(CONFIG, results), document)
    lines = document.read_text().splitlines()
    assert "| elsewhere | 14.5 |  |  |  |" in lines
    assert "| base model, not trained further | 5.0 |  |  |  |" in lines
    assert "| baseline self-training | 22.0 ± 2.8 |  | 2.00 | 2 of 2 |" in lines
    assert "| MADM (T 50, E 0.8) | missing |  |  | 0 of 2 |" in lines

    write_section(_report(CONFIG, [*results, _result(madm, 15, 30)]), document)
    lines = document.read_text().splitlines()
    assert "| MADM (T 50, E 0.8) | 30.0 | +10.0 | 2.00 | 1 of 2 |" in lines  # against 20, of the same seed
    assert "| baseline self-training | 5.0 | 11.0 (1.7 min) | 22.0 (3.3 min) |" in lines
    assert "| sky IoU |  | 9.0 | 23.0 ± 2.8 | 31.0 |" in lines
    assert (tmp_path / "docs/images/benchmark_rows_thermal.png").stat().st_size > 1000


def test_gains_are_taken_seed_by_seed(tmp_path):
    last = {
        (AblationRow.BASELINE, 0): 20,
        (AblationRow.BASELINE, 1): 30,
        (AblationRow.MADM, 0): 21,
        (AblationRow.MADM, 1): 29,
    }
    results = [_result(run, 10, last[run.row, run.seed]) for run in plan(CONFIG)]
    write_section(_report(CONFIG, results), tmp_path / "benchmarks.md")
    lines = (tmp_path / "benchmarks.md").read_text().splitlines()
    assert "| MADM (T 50, E 0.8) | 25.0 ± 5.7 | +0.0 ± 1.4 | 2.00 | 2 of 2 |" in lines


def test_intervals_over_streets_stand_beside_the_spread_of_seeds(tmp_path):
    def with_blocks(run, right: int, first: float, last: float) -> Result:
        blocks = np.zeros((4, 3, 2), np.int64)
        blocks[:, 0, 0] = blocks[:, 1, 1] = right + np.arange(4)
        blocks[:, 1, 0] = blocks[:, 0, 1] = 50 - right
        return replace(_result(run, first, last), blocks={"thermal": blocks})

    base0, madm0, base1, madm1 = plan(CONFIG)
    results = [with_blocks(base0, 30, 1, 40), with_blocks(base1, 32, 1, 44), with_blocks(madm0, 40, 1, 66)]
    results.append(with_blocks(madm1, 42, 1, 70))
    document = tmp_path / "benchmarks.md"
    write_section(_report(CONFIG, results), document)
    text = document.read_text()
    assert re.search(r"\| baseline self-training \| 42\.0 ± 2\.8 \[4\d\.\d, 4\d\.\d\] \|  \|", text)
    assert re.search(r"\| 68\.0 ± 2\.8 \[[\d., ]+\] \| \+26\.0 ± 0\.0 \[2\d\.\d, 2\d\.\d\] \|", text)

    results[3] = replace(results[3], blocks={})  # of an older release
    write_section(_report(CONFIG, results), document)
    assert "| 68.0 ± 2.8 | +26.0 ± 0.0 | 2.00 | 2 of 2 |" in document.read_text()


def test_what_the_paper_does_not_have_is_told(tmp_path):
    document = tmp_path / "benchmarks.md"
    write_section(_report(replace(CONFIG, view=replace(CONFIG.view, source_appearance=False)), []), document)
    assert "beside the paper" not in document.read_text()
    write_section(_report(replace(CONFIG, certainty="class", averaged_share=0.5, source_norm_batches=2), []), document)
    (line,) = [line for line in document.read_text().splitlines() if line.startswith("| beside the paper")]
    assert "certainty by class (surest 50 %)" in line
    assert "norm statistics of 2 source batches" in line
    assert "weights averaged over the last 50 % of the iterations" in line


def test_other_text_of_the_document_stays(tmp_path):
    document = tmp_path / "benchmarks.md"
    document.write_text("# Benchmarks\n\nWritten by hand.\n")
    write_section(_report(CONFIG, []), document)
    document.write_text(document.read_text() + "\nAlso by hand.\n")
    write_section(_report(CONFIG, [_result(plan(CONFIG)[0], 1, 2)]), document)
    text = document.read_text()
    assert "Written by hand." in text and text.endswith("Also by hand.\n")
    assert text.count("## Rows") == text.count("<!-- begin rows -->") == 1


def test_a_sweep_is_a_grid(tmp_path):
    config = replace(CONFIG, rows=ROWS[1:], seeds=(0,), noise_steps=(40, 60), noise_periods=(0.2, 0.5))
    results = [_result(run, 0, 10 * number) for number, run in enumerate(plan(config))]
    document = tmp_path / "benchmarks.md"
    write_section(_report(config, results[:3]), document)
    lines = document.read_text().splitlines()
    first = lines.index("| row | E | T = 40 | T = 60 |")
    assert lines[first + 2 : first + 4] == ["| MADM | 0.2 | 0.0 | 20.0 |", "| MADM | 0.5 | 10.0 | missing |"]


def test_lines_of_the_chart_end_where_their_training_did():
    points = {"short": [CurvePoint(10, 60.0, 20.0)], "long": [CurvePoint(10, 120.0, 20.0)]}
    image = time_chart(points, 0.0, "title")
    blue, orange = (
        np.flatnonzero((np.abs(image[30:280] - np.array(colour)).sum(axis=2) < 90).any(axis=0))
        for colour in ((31, 119, 180), (255, 127, 14))
    )
    assert 350 < blue.max() < 410 and orange.max() > 690  # of 62 to 706


def test_the_rest_is_estimated_from_the_same_row():
    baseline, madm, *_ = plan(CONFIG)
    progress = BenchmarkProgress(100)
    assert progress.remaining_s([(baseline, 0)]) is None
    progress.measure(baseline.row, 10, 20.0)
    assert progress.remaining_s([(baseline, 40), (madm, 90)]) == 60 * 2.0 + 10 * 2.0
    progress.measure(madm.row, 10, 50.0)
    assert progress.remaining_s([(baseline, 40), (madm, 90)]) == 60 * 2.0 + 10 * 5.0
    assert (duration(89), duration(600), duration(7200)) == ("89 s", "10 min", "2.0 h")


def test_many_lines_are_drawn_on_several_charts(tmp_path):
    config = replace(CONFIG, rows=ROWS[1:], seeds=(0,), regression_weights=tuple(map(float, range(7))))
    results = [_result(run, 5, 10) for run in plan(config)]
    write_section(_report(config, results), tmp_path / "benchmarks.md")
    pictures = sorted(path.name for path in (tmp_path / "images").iterdir())
    assert pictures == ["benchmark_rows_thermal.png", "benchmark_rows_thermal_2.png"]
    assert all(f"(images/{name})" in (tmp_path / "benchmarks.md").read_text() for name in pictures)
