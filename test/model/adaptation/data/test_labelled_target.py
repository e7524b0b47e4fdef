# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""A few labelled target frames: some are trained on, others are the gate's."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest
import torch
from adaptation_samples import CONFIG, GAIN, thermal_frames, write_bag, write_source

from madm_model.adaptation.config import AblationRow, AdaptationConfig, SelfTrainingConfig, ablation
from madm_model.adaptation.data.labelled_target import open_labelled_target, split_labelled
from madm_model.adaptation.data.source_frames import open_source
from madm_model.adaptation.data.target_bags import TargetSelection, collect_frames
from madm_model.adaptation.data.target_frames import TargetLimits
from madm_model.adaptation.data.training_data import JobData
from madm_model.adaptation.self_training import SelfTraining
from madm_model.adaptation.view_config import ViewConfig
from madm_model.io.frames import InputError
from madm_model.labels import IGNORE, STREET_11
from madm_model.training.losses import segmentation_loss
from madm_model.training.optimizer import OptimizerConfig

VIEW = ViewConfig(4, 16, 32)
ROAD, VEHICLE = (STREET_11.names.index(name) for name in ("road", "vehicle"))


def write_labelled(folder, count=10):
    """Thermal frames whose warm block is a vehicle."""
    for name in ("images", "labels"):
        (folder / name).mkdir(parents=True)
    for number, frame in enumerate(thermal_frames(count)):
        cv2.imwrite(str(folder / "images" / f"{number:02}.png"), frame)
        cv2.imwrite(
            str(folder / "labels" / f"{number:02}.png"), np.where(frame == 9000, VEHICLE, ROAD).astype(np.uint8)
        )
    return folder


def open_frames(tmp_path, count=10):
    folder = tmp_path / "labelled"
    if not folder.exists():
        write_labelled(folder, count)
    return open_labelled_target(folder, "thermal", GAIN, STREET_11, tmp_path / "counted")


def make_data(tmp_path, labelled, view=VIEW, **share):
    selection = TargetSelection((str(write_bag(tmp_path / "bag")),), "thermal")
    target = collect_frames(selection, GAIN, CONFIG, TargetLimits(min_frames=4), tmp_path / "target")
    source = open_source(str(write_source(tmp_path / "source")), STREET_11, tmp_path / "work")
    return JobData(source, target, CONFIG, view, labelled, **share)


@pytest.mark.parametrize(
    ("count", "told"),
    [
        (5, "5, 0 of them trained on, 5 for the gate"),
        (6, "6, 3 of them trained on, 3 for the gate"),
        (10, "10, 6 of them trained on, 4 for the gate"),
    ],
)
def test_every_labelled_frame_has_one_purpose(tmp_path, count, told) -> None:
    frames = open_frames(tmp_path, count)
    split = split_labelled(frames)
    assert str(split) == told
    trained = 0 if split.training is None else len(split.training.pixel_counts)
    for index in range(count):
        part, own = (split.training, index) if index < trained else (split.held_out, index - trained)
        for found, wanted in zip(part.frame(own), frames.frame(index)):
            np.testing.assert_array_equal(found, wanted)
        np.testing.assert_array_equal(part.pixel_counts[own], frames.pixel_counts[index])
    without = split_labelled(frames, to_train=False)
    assert without.training is None and len(without.held_out.pixel_counts) == count


@pytest.mark.parametrize("rare", [True, False])
def test_a_share_of_the_source_is_labelled_frames_and_never_the_gates(tmp_path, rare) -> None:
    frames = open_frames(tmp_path)
    drawn = []
    frame = frames.frame
    frames.frame = lambda index: drawn.append(index) or frame(index)
    split = split_labelled(frames)
    data = make_data(tmp_path, split.training, replace(VIEW, rare_classes=rare), labelled_share=0.375)
    batches = [data.source(np.random.default_rng(seed)) for seed in range(60)]
    assert sum(batch.of_target for batch in batches) == pytest.approx(90, abs=15)
    assert set(drawn) == set(range(6))
    for batch in batches:
        assert batch.images.shape == (4, 3, 16, 32)
        own = batch.labels[: batch.of_target]
        assert own.numel() == 0 or set(own.unique().tolist()) <= {ROAD, VEHICLE}
        assert not set(batch.labels[batch.of_target :].unique().tolist()) <= {ROAD, VEHICLE}
    with pytest.raises(IndexError):
        split.training.frame(6)


def test_the_loss_falls_on_labelled_frames_and_its_parts_add_up(tmp_path, make_network) -> None:
    split = split_labelled(open_frames(tmp_path))
    data = make_data(tmp_path, split.training, ViewConfig(2, 16, 32), labelled_share=0.5)
    config = AdaptationConfig(iterations=10, optimizer=OptimizerConfig(1e-2, warmup_iterations=1), dropout=0.0)
    trainer = SelfTraining(make_network(), STREET_11, data, ablation(config, AblationRow.SOURCE_ONLY))
    images, labels = (torch.from_numpy(np.stack(part)) for part in zip(*map(split.held_out.frame, range(4))))
    images = images.permute(0, 3, 1, 2) / 127.5 - 1

    def loss() -> float:
        with torch.no_grad():
            return float(segmentation_loss(trainer.network(images).logits, labels.long()))

    before = loss()
    for iteration in range(10):
        values = trainer.step(iteration).losses
        assert values.keys() == {"source_segmentation", "labelled_segmentation"}
    assert loss() < 0.85 * before  # of frames that it has not seen; uniform scores have 0.93 of it

    batch = data.source(np.random.default_rng(0))
    passes = SelfTraining(make_network(), STREET_11, data, ablation(config, AblationRow.SOURCE_ONLY)).passes
    whole = passes.run(batch._replace(of_target=None), None, 0, None)[0]
    parts = passes.run(batch, None, 0, None)[0]
    assert 0 < parts["labelled_segmentation"] < whole["source_segmentation"]
    assert sum(parts.values()) == pytest.approx(whole["source_segmentation"], rel=1e-5)


def test_with_a_target_labelled_frames_count_in_the_share_of_the_loss(tmp_path, make_network) -> None:
    data = make_data(tmp_path, split_labelled(open_frames(tmp_path)).training)
    config = AdaptationConfig(self_training=SelfTrainingConfig(pseudo_threshold=0.1), lplr=None)
    statistics = SelfTraining(make_network(), STREET_11, data, config).step(0)
    whole = sum(statistics.losses[f"{kind}_segmentation"] for kind in ("source", "labelled", "target"))
    assert 0 < statistics.target[0].loss_share < statistics.losses["target_segmentation"] / whole


def test_a_frame_without_any_class_is_refused_and_so_are_others_than_before(tmp_path) -> None:
    frames = open_frames(tmp_path)
    last = tmp_path / "labelled" / "labels" / "09.png"
    labels = cv2.imread(str(last), cv2.IMREAD_UNCHANGED)
    cv2.imwrite(str(last), np.full_like(labels, IGNORE))
    with pytest.raises(InputError, match=r"the labels of .*images/09\.png name no class of the model: leave"):
        open_labelled_target(tmp_path / "labelled", "thermal", GAIN, STREET_11, tmp_path / "again")
    last.unlink()
    with pytest.raises(InputError, match="holds other frames than when the job began"):
        open_frames(tmp_path)
    assert len(frames.names) == 10
