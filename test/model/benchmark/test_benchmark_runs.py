# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""A whole benchmark with a network of a moment: interrupted, resumed, written up; simulated streets and a folder."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from adaptation_samples import CONFIG as MODEL
from adaptation_samples import MINIATURE, write_source
from rich.console import Console

from madm_model.adaptation.config import AblationRow, LoRAConfig, ResourceConfig
from madm_model.adaptation.data import source_frames
from madm_model.adaptation.data.batches import FramePoolData
from madm_model.adaptation.data.training_data import ViewConfig
from madm_model.benchmark.config import BenchmarkConfig, Streets
from madm_model.benchmark.plan import Run, plan, training_config
from madm_model.benchmark.session import open_task, work_off, write_tables
from madm_model.benchmark.simulated_streets import FirstFrames
from madm_model.benchmark.workbench import Workbench, evaluate
from madm_model.checkpoint.model_folder import build_student, load_model, save_model
from madm_model.evaluation.bootstrap import miou_of
from madm_model.io.frames import InputError
from madm_model.labels import STREET_11
from madm_model.model_config import ModelError
from madm_model.network.madm import MADM
from madm_model.segmenter import Segmenter
from madm_model.students.architecture import SWIFTNET
from madm_model.training.frame_pool import FramePool, FramePoolConfig

CPU = torch.device("cpu")
QUIET = Console(quiet=True)
STREETS = Streets(*(FramePoolConfig(first, 2, 1, width=96, height=64) for first in (10, 20, 30)))
ROWS = (AblationRow.SOURCE_ONLY, AblationRow.MADM)


@pytest.fixture(scope="module")
def base(tmp_path_factory) -> Path:
    torch.manual_seed(0)
    folder = tmp_path_factory.mktemp("base")
    save_model(folder, MADM(MINIATURE, len(STREET_11)).eval(), replace(MODEL, input_size=(64, 96)), torch.float16)
    return folder


@pytest.fixture(scope="module")
def pools(tmp_path_factory, base) -> Path:
    """A work directory in which the streets are rendered."""
    folder = tmp_path_factory.mktemp("pools")
    open_task(_config(base, modalities=("thermal", "depth")), load_model(base)[1], folder, None)
    return folder


def _config(base: Path, **changes) -> BenchmarkConfig:
    config = BenchmarkConfig(
        *("Small", "simulator", 2),
        rows=ROWS,
        seeds=(0,),
        evaluate_at=(1,),
        base_model=str(base),
        view=ViewConfig(1, 32, 48),
        streets=STREETS,
    )
    return replace(config, **changes)


def _stop_after(iterations: int):
    """Asked after every iteration, and before every run."""
    asked = iter(range(100))
    return lambda: next(asked) >= iterations


def test_an_interrupted_benchmark_equals_the_unbroken_one(tmp_path, base, pools):
    config = _config(base)
    runs = plan(config)
    task = open_task(config, load_model(base)[1], pools, None)
    unbroken = Workbench(config, tmp_path / "unbroken", CPU)
    assert work_off(config, unbroken, task, runs, QUIET, lambda: False) == []

    # asked before the scores of the base model, before a run, after each of its iterations: stops within the first run
    broken = Workbench(config, tmp_path / "broken", CPU)
    assert work_off(config, broken, task, runs, QUIET, _stop_after(2)) == runs
    assert (tmp_path / "broken" / runs[0].name / "training.pt").exists()
    assert broken.result(runs[0]) is None
    assert work_off(config, Workbench(config, tmp_path / "broken", CPU), task, runs, QUIET, lambda: False) == []

    for run in runs:
        first, second = unbroken.result(run), broken.result(run)
        assert first is not None and second is not None
        assert [point["iteration"] for point in second.curve] == [1, 2]
        assert [point["scores"] for point in first.curve] == [point["scores"] for point in second.curve]
        assert not (tmp_path / "broken" / run.name / "training.pt").exists()
        blocks = second.blocks["thermal"]
        assert blocks.shape == (2, 12, 11) and blocks.sum() == 2 * 64 * 96
        assert 100 * miou_of(blocks.sum(axis=0)) == pytest.approx(second.scores["thermal"]["mIoU"])
        networks = [load_model(tmp_path / name / run.name / "model")[0] for name in ("unbroken", "broken")]
        for one, other in zip(*(network.state_dict().values() for network in networks)):
            assert torch.equal(one, other)

    write_tables(config, broken, task, "small", "madm benchmark small.yaml", tmp_path / "benchmarks.md")
    text = (tmp_path / "benchmarks.md").read_text()
    assert "| source only |" in text and "1 of 1" in text and "missing" not in text

    adapted = broken.model_folder(runs[1])
    assert load_model(adapted)[1].modality == "thermal"
    card = (adapted / "MODEL_CARD.md").read_text()
    assert f"--only {runs[1].name}`" in card
    assert f"| mIoU | {broken.unadapted()['thermal']['mIoU']:.1f} | {second.scores['thermal']['mIoU']:.1f} [" in card


def test_rgb_to_event(tmp_path, base, monkeypatch):
    config = _config(base, modalities=("event",), iterations=1, evaluate_at=())
    bench = Workbench(config, tmp_path, CPU)
    task = open_task(config, bench.model, tmp_path, None)
    pools = {name: set(FramePool(tmp_path / f"{name}_frames").images) for name in ("source", "target", "test")}
    assert pools == {"source": {"rgb"}, "target": {"event"}, "test": {"event"}}
    madm = Run(AblationRow.MADM, "event", 0, 0, 50, 0.8)
    assert madm in plan(config)
    view = FramePoolData(task._source, task._target, "event", 11, 1, (32, 48))
    drawn = task.data(madm).target(np.random.default_rng(3))
    assert torch.equal(drawn, view.target(np.random.default_rng(3))) and drawn.max() > -1
    assert work_off(config, bench, task, plan(config), QUIET, lambda: False) == []
    result = bench.result(madm)
    assert result is not None and result.scores["event"]["mIoU"] > 0
    write_tables(config, bench, task, "event", "madm benchmark event.yaml", tmp_path / "benchmarks.md")
    text = (tmp_path / "benchmarks.md").read_text()
    assert "### RGB to event" in text and "missing" not in text


@pytest.mark.usefixtures("bfloat16_is_computed")
def test_a_run_with_frozen_weights_in_half_precision_is_scored_on_its_way(tmp_path, base, pools):
    resources = ResourceConfig("bfloat16", half_frozen=True, lora=LoRAConfig(2))
    config = _config(base, rows=(AblationRow.MADM,), resources=resources, target_norm_batches=1, workers=1)
    bench = Workbench(config, tmp_path, CPU)
    task = open_task(config, bench.model, pools, None)
    assert work_off(config, bench, task, plan(config), QUIET, lambda: False) == []
    result = bench.result(plan(config)[0])
    assert result is not None
    assert [point["iteration"] for point in result.curve] == [1, 2]


def test_a_benchmark_without_events_renders_none(tmp_path, base):
    open_task(_config(base), load_model(base)[1], tmp_path, None)
    kept = {name: set(FramePool(tmp_path / f"{name}_frames").images) for name in ("source", "target", "test")}
    assert kept == {"source": {"rgb"}, "target": {"thermal"}, "test": {"thermal"}}


def test_tables_of_nothing_name_every_row_as_missing(tmp_path, base, pools):
    config = _config(base, modalities=("thermal", "depth"))
    bench = Workbench(config, tmp_path / "work", CPU)
    task = open_task(config, bench.model, pools, None)
    write_tables(config, bench, task, "small", "madm benchmark small.yaml", tmp_path / "benchmarks.md")
    text = (tmp_path / "benchmarks.md").read_text()
    assert text.count("| source only | missing |") == text.count("0 of 1") / 2 == 2
    assert "### RGB to depth" in text


def test_results_of_other_settings_are_refused(tmp_path, base, pools):
    config = _config(base, rows=ROWS[:1])
    task = open_task(config, load_model(base)[1], pools, None)
    work_off(config, Workbench(config, tmp_path, CPU), task, plan(config), QUIET, lambda: False)
    faster = replace(config, optimizer=replace(config.optimizer, learning_rate=1e-3))
    with pytest.raises(ValueError, match="was made with another training: use another --work-dir"):
        Workbench(faster, tmp_path, CPU).result(plan(faster)[0])


def test_scoring_leaves_the_training_as_it_was(base, pools):
    config = _config(base)
    network, model = load_model(base)
    task = open_task(config, model, pools, None)
    network.train()
    network.head.dropout.eval()
    before = {name: value.clone() for name, value in network.state_dict().items()}
    modes = [module.training for module in network.modules()]
    scores = evaluate(task, network, model, CPU, ("thermal", "depth"))
    assert scores["thermal"]["mIoU"] > 0 and scores.keys() == {"thermal", "depth"}
    assert [module.training for module in network.modules()] == modes
    assert all(torch.equal(before[name], value) for name, value in network.state_dict().items())


def test_fewer_target_frames_are_the_first_ones(base, pools):
    pool = FramePool(pools / "target_frames")
    few = FirstFrames(pool, 1)
    assert len(few) == 1
    for modality, images in few.images.items():
        assert np.array_equal(images[0], pool.images[modality][0])
    only_first = open_task(_config(base), load_model(base)[1], pools, None).data(Run(AblationRow.MADM, "thermal", 0, 1))
    view = FramePoolData(few, few, "thermal", 11, 1, (32, 48))
    for seed in range(4):
        rng = np.random.default_rng(seed), np.random.default_rng(seed)
        assert torch.equal(only_first.target(rng[0]), view.target(rng[1]))
    with pytest.raises(ValueError, match=r"target_frames asks for 3, but streets\.target has 2"):
        open_task(_config(base, target_frames=(3,)), load_model(base)[1], pools, None)


def test_frames_are_magnified_against_how_the_network_sees_them_live(tmp_path, base, pools):
    model = replace(load_model(base)[1], input_size=(32, 48))  # half of a frame's length
    view = ViewConfig(1, 32, 32, 2.0, 2.0)
    task = open_task(_config(base, view=view), model, pools, None)
    drawn = task.data(Run(AblationRow.MADM, "thermal", 0)).target(np.random.default_rng(3))
    pool = FramePool(pools / "target_frames")
    expected = FramePoolData(pool, pool, "thermal", 11, 1, (32, 32), (1.0, 1.0))
    assert torch.equal(drawn, expected.target(np.random.default_rng(3)))

    folder = _street_folder(tmp_path / "data")
    small = replace(model, input_size=(16, 32))  # images of 32x48, seen as 16x32
    streets = open_task(_config(base, task="street_thermal", view=ViewConfig(1, 16, 16)), small, tmp_path, folder)
    target = streets.data(Run(AblationRow.MADM, "thermal", 0))._target
    assert target.enlargement == pytest.approx((32 * 48 / (16 * 32)) ** 0.5)


def _street_folder(folder: Path) -> Path:
    """A folder like street_thermal, of 48x32 pixels."""
    write_source(folder / "source/train")
    write_source(folder / "source/test", 2)
    rng = np.random.default_rng(0)
    for name in ("target/train/thermal", "target/val/thermal", "target/val/pseudo_labels"):
        (folder / name).mkdir(parents=True)
    for name in ("00001D.png", "00002N.png"):
        for part in ("train", "val"):
            cv2.imwrite(str(folder / "target" / part / "thermal" / name), rng.integers(0, 255, (32, 48), np.uint8))
    labels = np.full((32, 48), 255, np.uint8)
    labels[:16] = 5
    cv2.imwrite(str(folder / "target/val/pseudo_labels/00001D.png"), labels)
    boxes = {"00001D.png": [{"class": "person", "xyxy": [0, 0, 10.5, 20]}], "00002N.png": []}
    (folder / "target/val/boxes.json").write_text(json.dumps(boxes))
    return folder


def test_a_folder_of_real_streets(tmp_path, base):
    config = _config(base, task="street_thermal", rows=(AblationRow.MADM,), iterations=1)
    bench = Workbench(config, tmp_path / "work", CPU)
    task = open_task(config, bench.model, tmp_path / "work", _street_folder(tmp_path / "data"))
    assert work_off(config, bench, task, plan(config), QUIET, lambda: False) == []
    result = bench.result(plan(config)[0])
    assert result is not None
    scores = result.scores["thermal"]
    assert {"mIoU (b)", "mIoU (c)", "person recall", "person F1", "day person recall"} <= scores.keys()
    assert 0 <= scores["person recall at precision 40"] <= 100
    assert "vehicle recall" not in scores and "night person recall" not in scores  # no such boxes
    write_tables(config, bench, task, "street", "madm benchmark street.yaml", tmp_path / "benchmarks.md")
    assert (
        "| ESPNetv2 on RGB, no adaptation | 10.1 | 12.6 | 11.2 | 27.0 | 22.5 | 24.5 | 14.5 | 48.5 |"
        in (tmp_path / "benchmarks.md").read_text()
    )


def test_a_part_of_the_source_of_real_streets_may_be_simulated(tmp_path, base, monkeypatch):
    monkeypatch.setitem(source_frames.SIMULATED_STREETS, "", FramePoolConfig(5, 1, 2, 64, 48))
    config = _config(
        *(base,), task="street_thermal", view=ViewConfig(1, 16, 16), replay_share=0.25, logit_adjustment=0.25
    )
    task = open_task(config, load_model(base)[1], tmp_path / "work", _street_folder(tmp_path / "data"))
    shares = task.data(Run(AblationRow.MADM, "thermal", 0)).class_shares()
    assert shares.sum() == pytest.approx(1) and "25 % of the time" in task.describe()
    plain = open_task(replace(config, replay_share=0.0), load_model(base)[1], tmp_path / "plain", tmp_path / "data")
    assert shares != pytest.approx(plain.data(Run(AblationRow.MADM, "thermal", 0)).class_shares())
    assert training_config(config, Run(AblationRow.MADM, "thermal", 0)).logit_adjustment == 0.25


def test_a_network_that_is_always_right_or_always_says_road(tmp_path, base):
    config = _config(base, task="street_thermal")
    folder = _street_folder(tmp_path / "data")
    model = load_model(base)[1]
    task = open_task(config, model, tmp_path, folder)

    class SaysRoad(torch.nn.Module):
        def forward(self, images: torch.Tensor):
            logits = torch.zeros(len(images), 11, *images.shape[2:])
            logits[:, 5] = 1
            return type("Output", (), {"logits": logits})

    scores = task.scores(Segmenter.from_network(SaysRoad(), model, CPU, "float32"), "thermal")
    assert scores["mIoU (b)"] == scores["(b) IoU road"] == 100  # the ignored half does not count
    assert scores["person recall"] == 0 and "person precision" not in scores
    truth = np.stack([cv2.imread(str(path), -1) for path in sorted((folder / "source/test/labels").iterdir())])
    assert scores["(c) IoU road"] == pytest.approx(100 * (truth == 5).mean())
    assert scores["mIoU (c)"] == pytest.approx(scores["(c) IoU road"] / len(np.unique(truth)))


def test_a_wrong_folder_is_named(tmp_path, base):
    config = _config(base, task="street_thermal")
    model = load_model(base)[1]
    with pytest.raises(ValueError, match="needs --data"):
        open_task(config, model, tmp_path, None)
    with pytest.raises(InputError, match="is no labelled folder"):
        open_task(config, model, tmp_path, tmp_path)
    folder = _street_folder(tmp_path / "data")
    (folder / "target/val/boxes.json").write_text('{"00001D.png": [{"class": "dog", "xyxy": [0, 0, 1, 1]}]}')
    with pytest.raises(InputError, match="does not hold boxes"):
        open_task(config, model, tmp_path, folder)


def test_a_student_is_no_base_of_a_benchmark(tmp_path) -> None:
    config = replace(MODEL, architecture=SWIFTNET, input_size=(64, 96))
    save_model(tmp_path / "student", build_student(SWIFTNET, len(STREET_11)), config)
    with pytest.raises(ModelError, match="is a student, which cannot be adapted: name a MADM model"):
        Workbench(_config(tmp_path / "student"), tmp_path / "work", CPU)
