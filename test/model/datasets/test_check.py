# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""Checks of data sets, and their miniatures: what is wrong is listed at once, a miniature has nothing wrong."""

from __future__ import annotations

import re
from pathlib import Path

import dataset_samples as samples
import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from madm_model.cli.app import app
from madm_model.datasets import DATASETS, open_dataset
from madm_model.datasets.check import check_dataset
from madm_model.datasets.dataset import find_layout
from madm_model.datasets.miniature import make_miniature
from madm_model.io.frames import InputError
from madm_model.labels import STREET_11

SIZE = (32, 48)


@pytest.fixture(scope="session")
def miniatures(tmp_path_factory) -> dict[str, Path]:
    """One of every data set; not to be changed."""
    folder = tmp_path_factory.mktemp("miniatures")
    for name in DATASETS:
        make_miniature(name, folder / name, frames=1, seed=3, size=SIZE)
    return {name: folder / name for name in DATASETS}


def run(*arguments: object):
    return CliRunner().invoke(app, ["data", *map(str, arguments)])


@pytest.mark.parametrize("name", DATASETS)
def test_a_miniature_is_read_like_the_release_and_has_nothing_wrong(name, miniatures):
    layout = find_layout(name)
    for split in layout.images:
        dataset = open_dataset(name, miniatures[name], split, labelled=layout.needs_labels(split))
        assert len(dataset) == 1
        assert dataset.image(0).shape == (*SIZE, 3) and dataset.image(0).std() > 0
        if layout.needs_labels(split):
            labels = dataset.labels(0)
            assert labels.shape == SIZE and (labels < len(dataset.label_set)).mean() > 0.5
    report = check_dataset(name, miniatures[name], deep=True)
    assert report.problems == []
    assert [(count.split, count.images, count.expected) for count in report.counts] == [
        (split, 1, 1) for split in layout.images
    ]


def test_a_miniatures_labels_are_the_streets(miniatures):
    """Through the ids of the data set and back: every class that it has is where the simulator put it."""
    source = open_dataset("cityscapes", miniatures["cityscapes"], "train", STREET_11).labels(0)
    assert set(np.unique(source)) >= {STREET_11.names.index(name) for name in ("road", "building")}
    for file in (miniatures["cityscapes"] / "gtFine/train").rglob("*labelTrainIds.png"):
        file_ids = np.asarray(Image.open(file))
        road = file_ids == 0
        assert (source[road] == STREET_11.names.index("road")).all() and road.any()


def test_the_documented_way_from_python(miniatures, tmp_path, monkeypatch, capsys):
    guide = Path(__file__).resolve().parents[3] / "docs" / "datasets.md"
    (block,) = re.findall(r"^```python\n(.*?)^```", guide.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)
    (tmp_path / "mini").mkdir()
    for title in ("Cityscapes", "FMB"):
        (tmp_path / "mini" / title).symlink_to(miniatures[title.lower()])
    monkeypatch.chdir(tmp_path)
    exec(compile(block, str(guide), "exec"), {})
    assert capsys.readouterr().out.startswith(
        "1 leftImg8bit/train/simulated/simulated_000000_000019 (32, 48, 3) (32, 48)"
    )


def test_the_command_makes_a_miniature_and_finds_nothing_wrong(tmp_path):
    out = tmp_path / "fmb"
    made = run("make-miniature", "fmb", out, "--height", 32, "--width", 48, "--frames", 2)
    assert made.exit_code == 0, made.output
    checked = run("check", "fmb", out)
    assert checked.exit_code == 0, checked.output
    assert "nothing is missing" in checked.stdout
    again = run("make-miniature", "fmb", out)
    assert again.exit_code == 1 and "exists already" in again.stderr
    assert run("check", "deliver", out).stderr.startswith(f"error: {out} is a miniature of fmb, not of deliver")


def test_everything_that_is_wrong_is_listed_at_once(tmp_path):
    root = samples.fmb(samples.fmb(tmp_path), "train")
    (root / "test/Label/00001.png").unlink()
    samples.write(root / "test/Label/00009.png", samples.grey(9))
    samples.write(root / "test/Label/00002.png", samples.grey(77))
    (root / "test/Infrared/00002.png").write_bytes(b"no image")
    result = run("check", "fmb", root)
    assert result.exit_code == 1
    lines = result.stdout.splitlines()
    for expected in (
        "train: 2 images, where 1220 are expected",
        "test: 2 images, where 280 are expected",
        "test: 1 images without labels: test/Infrared/00001",
        "test: 1 labels without an image: test/Infrared/00009",
        f"test: 1 labels with the id 77, which means nothing: {root}/test/Label/00002.png",
    ):
        assert expected in lines
    assert any(line.startswith("test: 1 files that cannot be used: ") and "00002.png" in line for line in lines)
    assert any(line.startswith("test: 3 files of 16x8 pixels in place of 800x600: ") for line in lines)
    assert not any("train: " in line and "labels" in line for line in lines)  # the target's are not read


def test_only_the_splits_that_are_asked_for_are_looked_at(tmp_path):
    report = check_dataset("fmb", samples.fmb(tmp_path), ["test"])
    assert [count.split for count in report.counts] == ["test"]
    assert all(problem.startswith("test: ") for problem in report.problems)
    missing = check_dataset("fmb", tmp_path)
    assert any(problem.startswith("train: ") and "does not hold FMB" in problem for problem in missing.problems)
    with pytest.raises(InputError, match="no split 'night'"):
        check_dataset("fmb", tmp_path, ["night"])
    with pytest.raises(InputError, match="there is no folder"):
        check_dataset("fmb", tmp_path / "nowhere")


def test_a_file_that_is_cut_off_is_found_by_a_deep_check(tmp_path):
    root = samples.deliver(tmp_path)
    file = next((root / "depth").rglob("*.png"))
    noise = np.random.default_rng(0).integers(0, 256, (8, 16, 4)).astype(np.uint8)
    samples.write(file, noise)
    file.write_bytes(file.read_bytes()[:150])
    quick, deep = (check_dataset("deliver", root, ["test"], deep=deep).problems for deep in (False, True))
    assert not any("cannot be used" in problem for problem in quick)
    assert any("1 files that cannot be used" in problem and file.name in problem for problem in deep)


def test_events_are_looked_at_where_no_edge_images_are(tmp_path):
    report = check_dataset("dsec", samples.dsec_events(tmp_path / "whole"), ["test"])
    assert report.problems == ["test: 2 images, where 2806 are expected"]
    root = samples.dsec_events(tmp_path / "damaged")
    next(root.rglob("rectify_map.h5")).write_bytes(b"")
    (problem,) = check_dataset("dsec", root, ["test"]).problems[1:]
    assert "files that cannot be used" in problem and "rectify_map.h5" in problem


def test_a_miniature_that_cannot_be_made_leaves_nothing(tmp_path):
    for arguments, complaint in (
        (("kitti", tmp_path / "a"), "no data set 'kitti'"),
        (("fmb", tmp_path / "a", 0), "at least 1 frame"),
        (("fmb", tmp_path / "a", 1, 0, (8, 8)), "32 to 4096"),
    ):
        with pytest.raises(InputError, match=complaint):
            make_miniature(*arguments)
    assert list(tmp_path.iterdir()) == []
