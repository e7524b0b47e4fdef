"""A job's report: one HTML page and the PNGs it shows, readable without a network."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path

import numpy as np

from madm_model.adaptation.charts import line_chart
from madm_model.adaptation.gate import GateResult
from madm_model.adaptation.gate_run import Evidence
from madm_model.labels import LabelSet, overlay
from madm_model.pictures import contact_sheet, save_png

PAGE = "index.html"

_STYLE = """
body { font: 15px/1.5 sans-serif; margin: 2em auto; max-width: 1200px; padding: 0 1em; color: #222 }
table { border-collapse: collapse } td, th { border: 1px solid #ccc; padding: .25em .7em; text-align: left }
td.number { text-align: right; font-variant-numeric: tabular-nums } img { max-width: 100%; margin: .5em 0 }
.failed { color: #b00020; font-weight: bold } .passed { color: #176f2c }
"""

_CHARTS = {
    "losses": (
        "losses",
        ("source_segmentation", "target_segmentation", "source_regression", "target_regression"),
    ),
    "pseudo_labels": ("pseudo-labels: share of certain pixels, mean confidence", ("quality", "confidence")),
    "noise_step": ("diffusion step of the teacher's noise", ("noise_step",)),
    "gradient_norm": ("gradient norm before clipping", ("gradient_norm",)),
}
"""File name to title and columns of the training log."""


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


def write_report(folder: Path, summary: Summary, evidence: Evidence, label_set: LabelSet) -> Path:
    """Write the page and its pictures; gives the page's path.

    Raises:
        OSError: the folder cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    rows = read_log(summary.log)
    charts = []
    for name, (title, columns) in _CHARTS.items():
        lines = {
            column: [row.get(column, float("nan")) for row in rows]
            for column in columns
            if any(column in row for row in rows)
        }
        if lines:
            save_png(folder / f"{name}.png", line_chart([row["iteration"] for row in rows], lines, title))
            charts.append(f"{name}.png")
    save_png(folder / "before_after.png", before_after(evidence, label_set))
    save_png(folder / "pseudo_label_examples.png", pseudo_label_examples(evidence, label_set))
    page = folder / PAGE
    page.write_text("\n".join(_page(summary, evidence, charts, rows)), encoding="utf-8", errors="backslashreplace")
    return page


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


def _page(
    summary: Summary, evidence: Evidence, charts: Sequence[str], rows: Sequence[Mapping[str, float]]
) -> Iterator[str]:
    title = escape(f"Adaptation {summary.job_id}: {summary.modality}")
    yield f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{title}</title><style>{_STYLE}</style>'
    yield f"<h1>{title}</h1>"
    passed = evidence.result.passed
    verdict = "passed the gate" if passed else "did not pass the gate and was not activated"
    yield (
        f'<p class="{"passed" if passed else "failed"}">Version {escape(summary.version)} {verdict}'
        f"{'' if passed else ': ' + escape(evidence.result.reason)}.</p>"
    )
    facts = dict(summary.facts)
    if rows:
        facts["training"] = f"{rows[-1]['iteration']:.0f} iterations, {rows[-1]['seconds']:.0f} s"
    yield "<table>"
    yield from (f"<tr><th>{escape(name)}</th><td>{escape(value)}</td></tr>" for name, value in facts.items())
    yield "</table>"
    yield from (f"<p>{escape(note)}</p>" for note in summary.notes)
    yield f"<h2>Gate: {escape(summary.version)} against {escape(summary.running)}</h2>"
    yield from _gate_table(evidence.result)
    yield (
        "<p>Target frames carry no labels: the gate sees collapse, flicker, lost confidence and a forgotten source. "
        "It does not see a class that teacher and student mistake alike.</p>"
    )
    yield '<h2>Before and after</h2><img src="before_after.png" alt="labels before and after">'
    yield '<h2>Pseudo-labels</h2><img src="pseudo_label_examples.png" alt="pseudo-labels with and without noise">'
    yield "<h2>Training</h2>"
    yield from (f'<img src="{name}" alt="{name}">' for name in charts)
    yield "</html>"


def _gate_table(result: GateResult) -> Iterator[str]:
    yield "<table><tr><th>check</th><th>running</th><th>new</th><th>limit</th><th></th><th>meaning</th></tr>"
    for check in result.checks:
        numbers = "".join(f'<td class="number">{value:.3f}</td>' for value in (check.running, check.new, check.limit))
        mark = '<td class="passed">passed</td>' if check.passed else '<td class="failed">failed</td>'
        yield f"<tr><td>{escape(check.name)}</td>{numbers}{mark}<td>{escape(check.meaning)}</td></tr>"
    yield "</table>"
