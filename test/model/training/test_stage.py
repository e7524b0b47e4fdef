# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""A stage stopped and resumed equals the unbroken one."""

from __future__ import annotations

import csv

import pytest
import torch
from rich.console import Console
from torch import nn

from madm_model.training.optimizer import OptimizerConfig
from madm_model.training.stage import StageConfig, run_stage

QUIET = Console(quiet=True)


def config(iterations: int = 20) -> StageConfig:
    optimizer = OptimizerConfig(learning_rate=0.01, gradient_clip=1.0, warmup_iterations=5)
    return StageConfig("stage", iterations, optimizer, seed=3, checkpoint_every=4, log_every=5)


class StopTraining(Exception):
    pass


def train(work_dir, stop_at: int | None = None) -> nn.Module:
    torch.manual_seed(0)
    model = nn.Linear(4, 1)

    def step(iteration: int) -> dict[str, torch.Tensor]:
        if iteration == stop_at:
            raise StopTraining
        inputs = torch.randn(8, 4)
        return {"mse": (model(inputs) - inputs.sum(1, keepdim=True)).square().mean()}

    run_stage(config(), model, step, work_dir, QUIET)
    return model


def test_resumed_equals_unbroken(tmp_path):
    (tmp_path / "broken").mkdir()
    (tmp_path / "unbroken").mkdir()
    unbroken = train(tmp_path / "unbroken")
    with pytest.raises(StopTraining):
        train(tmp_path / "broken", stop_at=14)
    resumed = train(tmp_path / "broken")
    assert torch.equal(resumed.weight, unbroken.weight)
    untrained = nn.Linear(4, 1)
    assert not torch.allclose(resumed.weight, untrained.weight)


def test_a_stage_told_to_stop_goes_on_from_there(tmp_path):
    (tmp_path / "stopped").mkdir()
    (tmp_path / "unbroken").mkdir()
    torch.manual_seed(0)
    model, asked = nn.Linear(4, 1), []

    def step(_iteration: int) -> dict[str, torch.Tensor]:
        inputs = torch.randn(8, 4)
        return {"mse": (model(inputs) - inputs.sum(1, keepdim=True)).square().mean()}

    def goes_on(done: int) -> bool:
        asked.append(done)
        return done < 7

    run_stage(config(), model, step, tmp_path / "stopped", QUIET, goes_on)
    assert asked == [1, 2, 3, 4, 5, 6, 7]
    with (tmp_path / "stopped" / "stage.csv").open() as file:
        assert [row["iteration"] for row in csv.DictReader(file)] == ["5", "7"]  # it tells how far it came
    unbroken = train(tmp_path / "unbroken")
    assert not torch.equal(model.weight, unbroken.weight)
    assert torch.equal(train(tmp_path / "stopped").weight, unbroken.weight)


def test_log_has_one_row_per_interval(tmp_path):
    train(tmp_path)
    with (tmp_path / "stage.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["iteration"] for row in rows] == ["5", "10", "15", "20"]
    assert float(rows[-1]["mse"]) < float(rows[0]["mse"])


def test_a_row_cut_anywhere_is_left_out_of_the_log_of_the_resumed_stage(tmp_path):
    with pytest.raises(StopTraining):
        train(tmp_path, stop_at=14)
    log, checkpoint = (tmp_path / "stage.csv").read_bytes(), (tmp_path / "stage.pt").read_bytes()
    header, first, second = log.splitlines(keepends=True)
    assert (first.split(b",")[0], second.split(b",")[0]) == (b"5", b"10")
    for size in range(len(log)):
        (tmp_path / "stage.csv").write_bytes(log[:size])
        (tmp_path / "stage.pt").write_bytes(checkpoint)
        train(tmp_path)
        with (tmp_path / "stage.csv").open() as file:
            rows = list(csv.DictReader(file))
        kept = (["5"] if size >= len(header + first) else []) + ["15", "20"]
        assert [row["iteration"] for row in rows] == kept
        assert all(None not in row and None not in row.values() for row in rows)


def test_finished_stage_does_nothing(tmp_path):
    trained = train(tmp_path)
    assert torch.equal(train(tmp_path, stop_at=0).weight, trained.weight)
