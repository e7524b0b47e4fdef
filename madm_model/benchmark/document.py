# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""Results as Markdown: one section per benchmark in a document whose other text is left alone."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from madm_model.adaptation.config import AblationRow
from madm_model.benchmark.config import BenchmarkConfig
from madm_model.benchmark.measured_training import Scores
from madm_model.benchmark.plan import Run
from madm_model.benchmark.settings_table import settings_rows
from madm_model.benchmark.summary import CurvePoint, Summary
from madm_model.charts import line_chart
from madm_model.pictures import save_png

MAX_LINES = 6
"""Lines of one chart: as many as it has colours."""

_MISSING, _UNDEFINED = "missing", "-"
_ROW_NAMES = {
    AblationRow.SOURCE_ONLY: "source only",
    AblationRow.SOURCE_NORM: "source only, norm statistics of the target",
    AblationRow.BASELINE: "baseline self-training",
    AblationRow.DPLG: "+ DPLG",
    AblationRow.LPLR: "+ LPLR",
    AblationRow.MADM: "MADM",
}


@dataclass(frozen=True)
class Report:
    """Everything a section is written from."""

    name: str
    """Marks the section and names its pictures."""
    command: str
    """The command that makes it."""
    config: BenchmarkConfig
    """What was compared."""
    summary: Summary
    """What came out."""
    unadapted: Scores
    """Scores of the base model."""
    base_id: str
    """Start of the SHA-256 of the base model's weights."""
    headline: tuple[str, ...]
    """Scores of the main table."""
    primary: str
    """Score of sweeps and curves."""
    frames: str
    """The frames, in one sentence."""
    reference_name: str
    """A row from elsewhere, beside the others; empty for none."""
    reference: Mapping[str, float]
    """Its scores in percent."""


def write_section(report: Report, document: Path) -> None:
    """Put a benchmark's section into a document, in place of its earlier one or at the end; pictures go beside it.

    Raises:
        OSError: the document cannot be written.
    """
    put_section(document, report.name, _section(report, document.parent / "images"))


def put_section(document: Path, name: str, lines: Iterable[str]) -> None:
    """Put lines into a Markdown document between marks of that name, in place of those there or at the end.

    Raises:
        OSError: the document cannot be written.
    """
    begin, end = f"<!-- begin {name} -->", f"<!-- end {name} -->"
    document.parent.mkdir(parents=True, exist_ok=True)
    section = "\n".join([begin, "", *lines, "", end])
    text = document.read_text() if document.exists() else "# Benchmarks\n"
    pattern = re.compile(re.escape(begin) + ".*?" + re.escape(end), re.DOTALL)
    text = pattern.sub(lambda _: section, text) if pattern.search(text) else f"{text.rstrip()}\n\n{section}\n"
    document.write_text(text)


def _section(report: Report, pictures: Path) -> Iterator[str]:
    config, summary = report.config, report.summary
    yield from (f"## {config.title}", "", report.frames, "", *_settings(report))
    for modality in config.modalities:
        cases = summary.cases_of(modality)
        yield from ("", f"### RGB to {modality}", "", *_main_table(report, modality, cases))
        yield from _sweeps(report, modality, cases)
        yield from _curves(report, modality, cases, pictures)
        yield from _other_scores(report, modality, cases)


def _settings(report: Report) -> Iterator[str]:
    machines = "; ".join(report.summary.machines()) or "no run is done yet"
    start = f"`{report.config.base_model}` (weights {report.base_id}), in all rows the same"
    given = [("command", f"`{report.command}`"), ("machine", machines), ("every run starts from", start)]
    yield from markdown_table(("", ""), [*given, *settings_rows(report.config)])
    yield from (
        "",
        "All rows start from the same weights, head included, and take the same number of iterations; the paper's rows",
        "start from Stable Diffusion's weights and an untrained head.",
        "Scores are in percent, mean ± standard deviation over the finished seeds; differences are taken seed by seed,",
        "of the seeds that both rows have; in brackets, where known, 95 % intervals of the mean over streets scored on",
        "(drawn with replacement, a street's frames together); seconds are training steps alone.",
    )


def _main_table(report: Report, modality: str, cases: Sequence[Run]) -> Iterator[str]:
    summary, baseline = report.summary, _single(cases, AblationRow.BASELINE)
    rows: list[Sequence[str]] = []
    if report.reference:
        values = (f"{report.reference[name]:.1f}" if name in report.reference else "" for name in report.headline)
        rows.append((report.reference_name, *values, "", "", ""))
    base = report.unadapted.get(modality, {})
    rows.append(("base model, not trained further", *(_number(base.get(name)) for name in report.headline), "", "", ""))
    for case in cases:
        cells = (_cell(summary, case, modality, name) for name in report.headline)
        gain = summary.gain(case, baseline, modality, report.primary) if baseline and case != baseline else None
        seconds = summary.seconds_per_iteration(case)
        rows.append(
            (
                _case_name(case),
                *cells,
                gain.signed() if gain else "",
                f"{seconds.mean:.2f}" if seconds else "",
                summary.finished(case),
            )
        )
    header = ("row", *report.headline, f"{report.primary} against baseline", "s / iteration", "seeds done")
    yield from markdown_table(header, rows)


def _sweeps(report: Report, modality: str, cases: Sequence[Run]) -> Iterator[str]:
    """Grids as the paper's Tables 3 (noise step and period) and 4 (weight), and scores by target frames."""
    config, summary = report.config, report.summary

    def text(case: Run) -> str:
        return _cell(summary, case, modality, report.primary)

    if len(config.noise_steps) > 1 or len(config.noise_periods) > 1:
        noisy = [case for case in cases if case.noise_step is not None]
        yield from ("", f"{report.primary} by initial noise step T and noise period E (share of the iterations):", "")
        steps = sorted({case.noise_step for case in noisy if case.noise_step is not None})
        rest = list(dict.fromkeys(_without_noise(case) for case in noisy))
        rows = []
        for other in rest:
            for period in sorted({case.noise_period for case in noisy if case.noise_period is not None}):
                of_row = {c.noise_step: c for c in noisy if _without_noise(c) == other and c.noise_period == period}
                rows.append((_ROW_NAMES[other[0]], f"{period:g}", *(text(of_row[step]) for step in steps)))
        yield from markdown_table(("row", "E", *(f"T = {step}" for step in steps)), rows)
    if len(config.regression_weights) > 1:
        weighted = [case for case in cases if case.regression_weight is not None]
        yield from ("", f"{report.primary} by weight of the latent regression:", "")
        yield from markdown_table(
            ("row", "weight", report.primary),
            [(_case_name(case), f"{case.regression_weight:g}", text(case)) for case in weighted],
        )
    if len(config.target_frames) > 1:
        yield from ("", f"{report.primary} by amount of target data:", "")
        yield from markdown_table(
            ("row", "target frames", report.primary),
            [
                (_case_name(case), str(case.target_frames or "all"), text(case))
                for case in cases
                if case.target_frames is not None
            ],
        )


def _without_noise(case: Run) -> tuple[AblationRow, int | None, float | None]:
    return case.row, case.target_frames, case.regression_weight


def _curves(report: Report, modality: str, cases: Sequence[Run], pictures: Path) -> Iterator[str]:
    """Score against training time, as a table and as a picture."""
    curves = {
        _case_name(case): points for case in cases if (points := report.summary.curve(case, modality, report.primary))
    }
    iterations = sorted({point.iteration for points in curves.values() for point in points})
    if len(iterations) < 2:
        return
    start = report.unadapted.get(modality, {}).get(report.primary)
    rows = []
    for name, points in curves.items():
        at = {point.iteration: f"{point.value:.1f} ({point.seconds / 60:.1f} min)" for point in points}
        rows.append((name, _number(start), *(at.get(iteration, "") for iteration in iterations)))
    yield from ("", f"{report.primary} after iterations (minutes of training, on the machine named above):", "")
    yield from markdown_table(("row", "0", *map(str, iterations)), rows)

    pictures.mkdir(parents=True, exist_ok=True)
    title = f"{report.primary} against minutes of training, RGB to {modality}"
    for number, first in enumerate(range(0, len(curves), MAX_LINES)):
        file = pictures / f"benchmark_{report.name}_{modality}{f'_{number + 1}' if number else ''}.png"
        save_png(file, time_chart(dict(list(curves.items())[first : first + MAX_LINES]), start, title))
        yield from ("", f"![{report.primary} against training time](images/{file.name})")


def time_chart(curves: Mapping[str, Sequence[CurvePoint]], start: float | None, title: str) -> np.ndarray:
    """Score against minutes, uint8 (H, W, 3); lines are straight between scored iterations.

    Args:
        curves: name to points, at least one each.
        start: score of the base model, drawn at minute 0; None leaves the beginning out.
        title: written above.
    """
    first = [] if start is None else [CurvePoint(0, 0.0, start)]
    lines = {name: [*first, *points] for name, points in curves.items()}
    minutes = sorted({point.seconds / 60 for points in lines.values() for point in points})
    values = {
        name: np.interp(
            minutes,
            [point.seconds / 60 for point in points],
            [point.value for point in points],
            left=np.nan,
            right=np.nan,
        ).tolist()
        for name, points in lines.items()
    }
    return line_chart([round(minute, 1) for minute in minutes], values, title, (320, 720), from_zero=False)


def _other_scores(report: Report, modality: str, cases: Sequence[Run]) -> Iterator[str]:
    """Every score that is not in the main table: per-class IoU, day and night."""
    base = report.unadapted.get(modality, {})
    names = [name for name in report.summary.score_names(modality) or base if name not in report.headline]
    if not names:
        return
    reference = report.reference
    header = ["", *([report.reference_name] if reference else []), "base model", *map(_case_name, cases)]
    rows = [
        (
            name,
            *([f"{reference[name]:.1f}" if name in reference else ""] if reference else []),
            _number(base.get(name)),
            *(_cell(report.summary, case, modality, name) for case in cases),
        )
        for name in names
    ]
    yield from (
        "",
        "<details><summary>every other score</summary>",
        "",
        *markdown_table(header, rows),
        "",
        "</details>",
    )


def _single(cases: Sequence[Run], row: AblationRow) -> Run | None:
    """The case of a row, if there is exactly one."""
    found = [case for case in cases if case.row is row]
    return found[0] if len(found) == 1 else None


def _case_name(case: Run) -> str:
    """The row, with what tells it from the same row in a sweep."""
    parts = [f"{case.target_frames} frames"] if case.target_frames else []
    if case.noise_step is not None:
        parts.append(f"T {case.noise_step}, E {case.noise_period:g}")
    if case.regression_weight is not None:
        parts.append(f"weight {case.regression_weight:g}")
    return _ROW_NAMES[case.row] + (f" ({', '.join(parts)})" if parts else "")


def _cell(summary: Summary, case: Run, modality: str, score: str) -> str:
    """A score; a dash where finished runs have none (a precision of nothing predicted)."""
    if (found := summary.figure(case, modality, score)) is not None:
        return str(found)
    return _UNDEFINED if summary.has_results(case) else _MISSING


def _number(value: float | None) -> str:
    return _UNDEFINED if value is None else f"{value:.1f}"


def markdown_table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """Lines of a table."""
    yield "| " + " | ".join(header) + " |"
    yield "|" + " --- |" * len(header)
    for row in rows:
        yield "| " + " | ".join(row) + " |"
