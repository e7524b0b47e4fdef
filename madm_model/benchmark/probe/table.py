# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""A probe's results as Markdown: the noise prediction, the teacher under noise, and what follows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from madm_model.benchmark.document import markdown_table, put_section
from madm_model.benchmark.probe.config import ProbeConfig
from madm_model.benchmark.progress import duration

_ENOUGH = 1.0
"""Points of mIoU by which a step has to beat step 0."""
_STARTS = {"denoised": "learned to denoise", "untrained": "fresh weights"}


def write_table(config: ProbeConfig, results: Mapping[str, Any], name: str, command: str, document: Path) -> None:
    """Put the tables into a document, in place of the earlier ones or at the end.

    Args:
        config: of the probe.
        results: `Probe.results`; what is missing is said to be so.
        name: marks the section.
        command: that makes them.
        document: a Markdown file.

    Raises:
        OSError: the document cannot be written.
    """
    put_section(document, name, _section(config, results, command))


def verdict(config: ProbeConfig, results: Mapping[str, Any]) -> str:
    """Whether a noise step above 0 labels better than step 0, by more than a point, in one or two sentences.

    Labels of an untrained head are left out.
    """
    points = [
        (score["gain"], score["low"], score["high"], name, point["iteration"], step)
        for name, result in results["cases"].items()
        if name.startswith("denoised")
        for point in result["points"]
        if point["iteration"]
        for step, score in point["scores"].items()
        if "gain" in score
    ]
    if not points:
        return "Does a noise step above 0 beat step 0 by more than one point? Not measured yet."
    missing = [name for name in config.modalities if f"denoised-{name}" not in results["cases"]]
    gain, low, high, name, iteration, step = max(points)
    best = (
        f"the largest difference is {gain:+.1f} points [{low:.1f}, {high:.1f}] ({name.removeprefix('denoised-')}, "
        f"after {iteration} iterations, step {step})"
    )
    number = sum(point[0] > _ENOUGH for point in points)
    answer = f"Yes, in {number} of {len(points)} scores" if number else f"No, in none of {len(points)} scores"
    rest = f" Not measured: {', '.join(missing)}." if missing else ""
    return f"Does a noise step above 0 beat step 0 by more than one point? {answer}: {best}.{rest}"


def _section(config: ProbeConfig, results: Mapping[str, Any], command: str) -> Iterator[str]:
    denoising, cases = results["denoising"], results["cases"]
    streets = config.streets
    yield from (f"## {config.title}", "")
    yield (
        f"`{command}`: a UNet with fresh weights learns to denoise latents of unlabelled frames of "
        f"{', '.join(('colour', *config.modalities))} ({streets.source.streets + streets.target.streets} simulated "
        f"streets); then, with an untrained head, {config.iterations} iterations of self-training without DPLG and "
        "LPLR, the labelled colour source as it is. The teacher labels unseen frames "
        f"({streets.test.streets} streets x {streets.test.frames_per_street}) in its own mode, under noise as DPLG "
        "adds it. In brackets: 95 % intervals over streets, of one training each."
    )
    yield ""
    if denoising is None and not cases:
        yield "Not measured yet."
        return
    yield f"**{verdict(config, results)}**"
    yield ""
    if denoising is not None:
        yield from _noise_table(config, denoising)
    yield from _teacher_table(config, cases)


def _noise_table(config: ProbeConfig, result: Mapping[str, Any]) -> Iterator[str]:
    steps = [str(step) for step in config.denoising.noise_steps]
    stopped = ", stopped by the limit" if result["iterations"] < result["of"] else ""
    height, width = config.denoising_view.crop
    yield (
        f"Noise prediction on the unseen frames after {_iterations(result)} iterations of denoising{stopped} "
        f"({duration(result['seconds'])} on {result['machine']}; {result['parameters'] / 1e6:.1f} M parameters, batch "
        f"{config.denoising.batch_size} of {height}x{width}), mean squared error / correlation by diffusion step; "
        "1 / 0 is a prediction of 0:"
    )
    yield ""
    rows = [(name, *(_noise_cell(scores[step]) for step in steps)) for name, scores in result["scores"].items()]
    for name, scores in result["base"].items():
        rows.append((f"{name}, of `{config.base_model}`", *(_noise_cell(scores[step]) for step in steps)))
    yield from markdown_table(("frames", *steps), rows)
    yield ""


def _noise_cell(score: Mapping[str, float]) -> str:
    return f"{score['error']:.2f} / {score['correlation']:.2f}"


def _teacher_table(config: ProbeConfig, cases: Mapping[str, Any]) -> Iterator[str]:
    steps = [str(step) for step in config.noise_steps]
    machines = "; ".join(dict.fromkeys(result["machine"] for result in cases.values())) or "no run is done yet"
    yield f"mIoU of the teacher in % by noise step ({machines}):"
    yield ""
    rows: list[tuple[str, ...]] = []
    for start in config.starts:
        for modality in config.modalities:
            name = f"{modality}, {_STARTS[start]}"
            result = cases.get(f"{start}-{modality}")
            if result is None:
                rows.append((name, "missing", *[""] * (len(steps) + 2)))
                continue
            for point in result["points"]:
                done = str(point["iteration"])
                if point is result["points"][-1] and result["iterations"] < result["of"]:
                    done = _done(result)
                scores = point["scores"]
                labelled = (f"{scores[step]['mIoU']:.1f}" for step in (*steps, "rgb"))
                rows.append((name, done, *labelled, _best(scores, steps[1:])))
    yield from markdown_table(("target, start", "iterations", *steps, "colour", "best above 0"), rows)


def _done(result: Mapping[str, Any]) -> str:
    return (
        f"{_iterations(result)}, stopped by the limit" if result["iterations"] < result["of"] else _iterations(result)
    )


def _iterations(result: Mapping[str, Any]) -> str:
    stopped = result["iterations"] < result["of"]
    return f"{result['iterations']} of {result['of']}" if stopped else str(result["iterations"])


def _best(scores: Mapping[str, Mapping[str, float]], steps: list[str]) -> str:
    step = max(steps, key=lambda step: scores[step]["gain"])
    score = scores[step]
    return f"{score['gain']:+.1f} [{score['low']:.1f}, {score['high']:.1f}] at {step}"
