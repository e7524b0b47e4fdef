# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""The shift monitor on simulated streets: what fog and a lens do to frames, and the table with its command."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from adaptation_samples import write_model
from typer.testing import CliRunner

from madm_model.benchmark.shift.conditions import CONDITIONS, drive, in_fog, network_image, through_longer_lens
from madm_model.benchmark.shift.table import as_markdown, count_frames, measure
from madm_model.cli import reference
from madm_model.cli.app import app
from madm_model.segmenter import Segmentation, Segmenter
from madm_model.shift.reference import ShiftReference


class Thresholds:
    """A segmenter whose classes are grey levels."""

    def __init__(self, config) -> None:
        self.config = config

    def segment(self, images):
        return [Segmentation((image[..., 0] // 64).astype(np.uint8), 255 - image[..., 0] // 2) for image in images]


@pytest.fixture(scope="module")
def frame():
    (first,) = drive(5_100_000, 1, "day")
    return first


def test_fog_takes_contrast_and_far_ranges_and_leaves_labels(frame) -> None:
    foggy = in_fog(frame)
    near, far = frame.depth < 8, (frame.depth > 60) & np.isfinite(frame.depth)
    assert foggy.rgb[far].std() < 0.2 * frame.rgb[far].std()
    assert np.abs(foggy.thermal[far].astype(int) - np.median(frame.thermal[np.isfinite(frame.depth)])).mean() < 50
    assert np.isinf(foggy.depth[far]).mean() > 0.9
    assert (foggy.depth[near] == frame.depth[near]).mean() > 0.3
    np.testing.assert_array_equal(foggy.labels, frame.labels)


def test_a_longer_lens_shows_the_middle(frame) -> None:
    longer = through_longer_lens(frame)
    assert longer.labels.shape == frame.labels.shape
    assert longer.labels[0, 0] == frame.labels[60, 80]
    assert longer.rgb.shape == frame.rgb.shape


def test_a_table_has_every_condition_and_fog_is_far(tmp_path: Path) -> None:
    config = Segmenter.from_folder(write_model(tmp_path / "model"), "cpu").config
    calls: list[int] = []
    rows = measure(Thresholds(config), "depth", 4, 1, 2, lambda: calls.append(1))
    assert len(calls) == count_frames(4, 1, 2)
    assert [row.condition for row in rows] == list(CONDITIONS)
    by_name = {row.condition: row.shifts[0] for row in rows}
    assert by_name["fog, 60 m"] > max(2.0, 2 * by_name["more of the same"])
    lines = as_markdown(rows, "madm benchmark shift", 4, 2)
    assert len(lines) == 4 + len(CONDITIONS)
    assert lines[0].startswith("`madm benchmark shift`: a reference of 4 streets by day, then 1 others")


def test_a_reference_is_made_of_images_that_the_model_knows(tmp_path: Path, frame, monkeypatch) -> None:
    torch.set_num_threads(1)
    model, images = write_model(tmp_path / "[of night]", modality="thermal"), tmp_path / "images"
    images.mkdir()
    for number in range(20):
        np.save(images / f"{number}.npy", np.roll(frame.thermal, 3 * number, axis=1)[::4, ::4])
    done = CliRunner().invoke(app, ["reference", str(model), str(images), "--device", "cpu"])
    assert done.exit_code == 0, done.output
    assert "[of night]/shift.json: 20 frames" in done.output
    assert ShiftReference.load(model).frames == 20
    assert network_image(frame, "thermal").shape == (240, 320, 3)
    few = CliRunner().invoke(app, ["reference", str(model), str(images), "--stride", "5", "--device", "cpu"])
    assert few.exit_code == 1
    assert "4 frames are too few" in few.output.replace("\n", " ")
    monkeypatch.setattr(reference, "_MOST", 19)
    most = CliRunner().invoke(app, ["reference", str(model), str(images), "--device", "cpu"])
    assert "10 frames are too few" in most.output.replace("\n", " ")
    wrong = CliRunner().invoke(app, ["benchmark", "shift", "--modality", "sonar"])
    assert "modality 'sonar' cannot be measured: give one of thermal, depth, rgb" in wrong.output.replace("\n", " ")
