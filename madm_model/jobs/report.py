# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""A job's report: one HTML page and the PNGs it shows, readable without a network."""

from __future__ import annotations

import csv
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jinja2 import Environment, PackageLoader, StrictUndefined

from madm_model.adaptation.step_statistics import CERTAIN
from madm_model.charts import line_chart
from madm_model.jobs.gate_run import Evidence
from madm_model.labels import LabelSet, overlay
from madm_model.pictures import contact_sheet, save_png

PAGE = "index.html"
_TEMPLATE = "report.html"
"""The page with holes, beside this file."""

_CHARTS = {
    "losses": (
        "losses",
        (
            "source_segmentation",
            "labelled_segmentation",
            "target_segmentation",
            "source_regression",
            "target_regression",
        ),
    ),
    "pseudo_labels": (
        "pseudo-labels: share of certain pixels, mean confidence, share of the loss",
        ("quality", "confidence", "loss_share"),
    ),
    "paired_labels": (
        "labels of the paired images: share of the pixels that have them, agreement where they are trusted",
        ("paired_share", "paired_agreement"),
    ),
    "noise_step": ("diffusion step of the teacher's noise", ("noise_step",)),
    "gradient_norm": ("gradient norm before clipping", ("gradient_norm",)),
}
"""File name to title and columns of the training log."""
_PAIRED = {"paired_share": "share of pixels that have them", "paired_agreement": "agreement where they are trusted"}
"""Columns of the training log about paired images, and what they are."""
_STUDENT_CHARTS = {"student_losses": ("losses of the student", ("source_segmentation", "target_segmentation"))}
"""Likewise of the student's log."""


@dataclass(frozen=True)
class Summary:
    """What the report says in words."""

    job_id: str
    modality: str
    version: str
    """The new version."""
    running: str
    """The version it was compared with."""
    facts: Mapping[str, str]
    """Rows of the first table."""
    notes: Sequence[str]
    """What was left out of the bags, and why."""
    log: Path
    """The training's CSV."""
    student_log: Path
    """That of the student, if there is one."""


def write_report(folder: Path, summary: Summary, evidence: Evidence, label_set: LabelSet) -> Path:
    """Write the page and its pictures; gives the page's path.

    Raises:
        OSError: the folder cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    rows = read_log(summary.log)
    charts = [*_draw(folder, rows, _CHARTS), *_draw(folder, read_log(summary.student_log), _STUDENT_CHARTS)]
    save_png(folder / "before_after.png", before_after(evidence, label_set))
    save_png(folder / "pseudo_label_examples.png", pseudo_label_examples(evidence, label_set))
    page = folder / PAGE
    page.write_text(_page(summary, evidence, charts, rows), encoding="utf-8", errors="backslashreplace")
    return page


def _draw(
    folder: Path, rows: Sequence[Mapping[str, float]], charts: Mapping[str, tuple[str, tuple[str, ...]]]
) -> list[str]:
    """Write the charts whose columns a log has; gives their files' names."""
    drawn = []
    for name, (title, columns) in charts.items():
        lines = {
            column: [row.get(column, float("nan")) for row in rows]
            for column in columns
            if any(column in row for row in rows)
        }
        if lines:
            save_png(folder / f"{name}.png", line_chart([row["iteration"] for row in rows], lines, title))
            drawn.append(f"{name}.png")
    return drawn


def read_log(path: Path) -> list[dict[str, float]]:
    """The rows of a training log."""
    if not path.exists():
        return []
    with path.open(newline="") as file:
        return [{name: float(value) for name, value in row.items()} for row in csv.DictReader(file)]


def before_after(evidence: Evidence, label_set: LabelSet) -> np.ndarray:
    """Held-out target frames with the running and the new version's labels, uint8 (H, W, 3)."""
    rows = [
        [item.image, *(overlay(item.image, labels, label_set, 0.65) for labels in (item.running, item.new))]
        for item in evidence.examples
    ]
    return contact_sheet(rows, ("network image", "before", "after"), label_set)


def pseudo_label_examples(evidence: Evidence, label_set: LabelSet) -> np.ndarray:
    """Held-out target frames with the teacher's labels, without noise and with it, uint8 (H, W, 3)."""
    rows = [
        [item.image, *(overlay(item.image, labels, label_set, 0.65) for labels in (item.pseudo, item.noisy_pseudo))]
        for item in evidence.examples
    ]
    return contact_sheet(
        rows, ("network image", "teacher, no noise", f"teacher, noise step {evidence.noise_step}"), label_set
    )


def _page(summary: Summary, evidence: Evidence, charts: Sequence[str], rows: Sequence[Mapping[str, float]]) -> str:
    facts = dict(summary.facts)
    if rows:
        facts["training"] = f"{rows[-1]['iteration']:.0f} iterations, {rows[-1]['seconds']:.0f} s"
    if rows and "paired_share" in rows[0]:
        shares = {name: [row[name] for row in rows if not math.isnan(row[name])] for name in _PAIRED}
        facts["labels of paired images"] = ", ".join(
            f"{text} {sum(shares[name]) / len(shares[name]):.0%}" for name, text in _PAIRED.items() if shares[name]
        )
    environment = Environment(loader=PackageLoader("madm_model", "jobs"), autoescape=True, undefined=StrictUndefined)
    return environment.get_template(_TEMPLATE).render(
        summary=summary, facts=facts, result=evidence.result, charts=charts, certain=certain_shares(rows)
    )


def certain_shares(rows: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """By class, the mean share of its pseudo-labels that were certain, over the rows of a log where it had any."""
    shares: dict[str, float] = {}
    for column in (name for name in (rows[0] if rows else ()) if name.startswith(CERTAIN)):
        values = [row[column] for row in rows if not math.isnan(row[column])]
        if values:
            shares[column.removeprefix(CERTAIN)] = sum(values) / len(values)
    return shares
