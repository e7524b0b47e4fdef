# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""A colour camera beside the sensor: its images next to the frames, its labels beside the teacher's."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from adaptation_samples import COLOUR, CONFIG, GAIN, TOPIC, write_model, write_pairs, write_source

from madm_model.adaptation.config import AdaptationConfig
from madm_model.adaptation.data.batches import TargetBatch
from madm_model.adaptation.data.limited_reading import count_recorded
from madm_model.adaptation.data.paired_labels import judge, label_paired
from madm_model.adaptation.data.source_frames import open_source
from madm_model.adaptation.data.target_bags import TargetSelection, collect_frames
from madm_model.adaptation.data.target_frames import TargetLimits
from madm_model.adaptation.data.training_data import JobData
from madm_model.adaptation.paired_config import PairedConfig, paired_classes
from madm_model.adaptation.paired_teacher import join_paired
from madm_model.adaptation.pseudo_labels import PseudoLabels
from madm_model.adaptation.self_training import SelfTraining
from madm_model.adaptation.view_config import ViewConfig
from madm_model.io.frames import InputError
from madm_model.labels import CITYSCAPES_19, IGNORE, STREET_11, LabelSet

PAIRED = PairedConfig(paired_topic=COLOUR)
PERSON, ROAD, VEHICLE = (STREET_11.names.index(name) for name in ("person", "road", "vehicle"))


def collect(tmp_path, paired=PAIRED, limits=None, **bag):
    selection = TargetSelection((str(write_pairs(tmp_path / "bag", **bag)),), "thermal", TOPIC, paired=paired)
    return collect_frames(selection, GAIN, CONFIG, limits or TargetLimits(min_frames=4), tmp_path / "target")


def test_every_frame_has_the_image_that_is_nearest_in_time_or_none(tmp_path) -> None:
    frames = collect(tmp_path, lacking=(3, 7))
    assert (len(frames), frames.pairs, frames.paired.shape) == (24, 22, frames.images.shape)
    values = [0 if number in (3, 7) else 10 * number + 10 for number in range(24)]
    assert frames.paired[:, 5, 5, 0].tolist() == values


def test_images_and_frames_stay_together_when_they_are_thinned(tmp_path) -> None:
    frames = collect(tmp_path, limits=TargetLimits(max_frames=8, min_frames=4), lacking=(4, 5))
    whole = collect_frames(
        TargetSelection((str(tmp_path / "bag"),), "thermal", TOPIC, paired=PAIRED),
        GAIN,
        CONFIG,
        TargetLimits(min_frames=4),
        tmp_path / "whole",
    )
    kept = [next(n for n, image in enumerate(whole.images) if np.array_equal(image, one)) for one in frames.images]
    assert len(kept) < 10 and kept == sorted(kept)
    np.testing.assert_array_equal(frames.paired, whole.paired[kept])
    assert frames.pairs == sum(number not in (4, 5) for number in kept)


def test_a_homography_says_where_the_image_lies(tmp_path) -> None:
    paired = replace(PAIRED, paired_homography=(1.0, 0.0, 12.0, 0.0, 1.0, 8.0, 0.0, 0.0, 1.0))
    frames = collect(tmp_path, paired, height=16, width=16)  # covers columns 12 to 27 and rows 8 to 23
    shown = frames.paired[4, ..., 0] > 0
    rows, columns = np.flatnonzero(shown.any(axis=1)), np.flatnonzero(shown.any(axis=0))
    scale = frames.images.shape[1] / 32
    assert [rows[0], rows[-1], columns[0], columns[-1]] == pytest.approx(
        [8 * scale, 23 * scale, 12 * scale, 27 * scale], abs=1.5
    )


@pytest.mark.parametrize(
    ("paired", "bag", "reason"),
    [
        (
            replace(PAIRED, paired_tolerance=0.03),
            {"shift_s": 0.06},
            r"within 0\.03 s of a frame, the nearest is 0\.040 s away: check paired_topic",
        ),
        (replace(PAIRED, paired_topic="/gone"), {}, "no image of /gone was taken within .*, there are none: check"),
        (
            PAIRED,
            {"width": 40},
            "are 40x16 and frames 48x32: they cannot show the same view, give .* paired_homography",
        ),
        (PAIRED, {"encoding": "mono16"}, r"no image of /colour/image_raw was taken"),
    ],
)
def test_what_cannot_be_paired_is_one_error(tmp_path, paired, bag, reason) -> None:
    with pytest.raises(InputError, match=reason):
        collect(tmp_path, paired, **bag)


def test_a_topic_that_no_bag_has_is_seen_without_reading(tmp_path) -> None:
    bag = str(write_pairs(tmp_path / "bag", 4))
    selection = TargetSelection((bag,), "thermal", TOPIC, paired=replace(PAIRED, paired_topic="/gone"))
    with pytest.raises(InputError, match="no image of /gone"):
        count_recorded(selection, 2)
    assert count_recorded(replace(selection, paired=PAIRED), 2) == 4


def test_dark_or_unsure_labels_say_nothing() -> None:
    image = np.full((4, 300, 3), 200, np.uint8)
    image[:, 100:200] = 10
    labels, confidence = np.full((4, 300), ROAD, np.uint8), np.full((4, 300), 230, np.uint8)
    confidence[:, 250:] = 150
    labels[:, 0] = IGNORE
    counting, weight = judge(image, labels, confidence, PAIRED)
    assert (counting[:, 1:80] == ROAD).all() and (weight[:, 1:80] == 230).all()
    for part in (np.s_[:, 0], np.s_[:, 120:180], np.s_[:, 251:]):
        assert (counting[part] == IGNORE).all() and (weight[part] == 0).all()


def test_persons_are_neither_given_nor_taken_by_images_of_night(tmp_path, monkeypatch) -> None:
    frames = collect(tmp_path)  # values from 10 to 240: night up to 50
    config = replace(PAIRED, paired_model=str(write_model(tmp_path / "model")), paired_dark=0.0, paired_bright=0.01)
    monkeypatch.setattr(
        "madm_model.adaptation.data.paired_labels.Segmenter.segment",
        lambda self, images: [_Seen(np.full(images[0].shape[:2], PERSON, np.uint8))],
    )
    told = []
    said = label_paired(frames, STREET_11, config, tmp_path / "target", "cpu", lambda *done: told.append(done))
    assert told[-1] == (24, 24)
    assert said.stays[:, PERSON].tolist() == [number < 5 for number in range(24)]
    assert not said.stays[:, VEHICLE].any()
    assert (said.of(0)[0] == IGNORE).all() and (said.of(0)[1] == 0).all()
    assert (said.of(20)[0] == PERSON).all() and (said.of(20)[1] == 255).all()
    assert said.share == pytest.approx(19 / 24)
    monkeypatch.setattr("madm_model.adaptation.data.paired_labels.Segmenter.from_folder", None)  # once is enough
    again = label_paired(frames, STREET_11, config, tmp_path / "target", "cpu")
    np.testing.assert_array_equal(again.of(20)[0], said.of(20)[0])


class _Seen:
    def __init__(self, labels):
        self.labels, self.confidence = labels, np.full(labels.shape, 255, np.uint8)


def test_a_paired_label_is_taken_where_it_is_alike_or_surer() -> None:
    def row(*values, kind=torch.float32):
        return torch.tensor([[values]], dtype=kind)

    first = PseudoLabels(
        row(ROAD, ROAD, ROAD, PERSON, PERSON, ROAD, kind=torch.int64),
        torch.full((1, 1, 6), 0.25),
        0.25,
        0.7,
        np.zeros(11),
        row(0.9, 0.8, 0.95, 0.6, 0.6, 0.9),
    )
    stays = torch.zeros(1, 11, dtype=torch.bool)
    stays[0, PERSON] = True
    labels = row(ROAD, VEHICLE, VEHICLE, ROAD, PERSON, IGNORE, kind=torch.int64)
    second = TargetBatch(torch.zeros(1, 3, 1, 6), labels, row(0.8, 0.9, 0.9, 0.9, 0.9, 0.0), stays)
    joined = join_paired(first, second)
    assert joined.pseudo.labels.flatten().tolist() == [ROAD, VEHICLE, ROAD, PERSON, PERSON, ROAD]
    weight = [0.8, 0.9, 0.25, 0.25, 0.9, 0.25]
    assert joined.pseudo.weight.flatten().tolist() == pytest.approx(weight)
    assert joined.pseudo.quality == pytest.approx(np.mean(weight))
    assert (joined.share, joined.agreement) == pytest.approx((0.5, 0.4))
    by_day = join_paired(first, second._replace(stays=torch.zeros_like(stays)))
    assert by_day.pseudo.labels.flatten().tolist() == [ROAD, VEHICLE, ROAD, ROAD, PERSON, ROAD]
    nothing = join_paired(first, second._replace(paired_weight=torch.zeros(1, 1, 6)))
    assert torch.equal(nothing.pseudo.labels, first.labels) and torch.equal(nothing.pseudo.weight, first.weight)
    assert nothing.share == 0 and np.isnan(nothing.agreement)


def test_paired_labels_are_of_the_crop_that_is_shown_and_are_learned(tmp_path, make_network) -> None:
    frames = collect(tmp_path)
    source = open_source(str(write_source(tmp_path / "source")), STREET_11, tmp_path / "work")
    view = ViewConfig(4, 16, 32)
    paired = _Said(frames)
    plain, data = (JobData(source, frames, CONFIG, view, paired=each) for each in (None, paired))
    images, batch = (one.target(np.random.default_rng(3)) for one in (plain, data))
    assert torch.equal(images, batch.images)
    shown = ((batch.images + 1) * 127.5).round().long()[:, 0]
    # Where a crop is as large as live, nothing is interpolated but by the views, labels to the nearest.
    assert ((shown > 150) == (batch.paired_labels == VEHICLE)).float().mean() > 0.9
    assert (batch.paired_weight == 1).all()

    statistics = SelfTraining(make_network(), STREET_11, data, AdaptationConfig(iterations=2, lplr=None)).step(0)
    seen = statistics.target[0]
    assert seen.paired["paired_share"] == 1
    assert seen.quality == 1 and seen.loss_share > 0
    assert 0 <= seen.paired["paired_agreement"] < 1
    assert statistics.row()["paired_share"] == 1
    for one in (plain, data):
        SelfTraining(make_network(), STREET_11, one, AdaptationConfig(iterations=1, target_norm_batches=1)).finish()


class _Said:
    """Bright pixels are a vehicle, others road, and that is sure."""

    def __init__(self, frames):
        self._frames, self.stays = frames, np.zeros((len(frames), 11), bool)

    def of(self, index):
        bright = self._frames.images[index][..., 0] > 150
        return np.where(bright, VEHICLE, ROAD).astype(np.uint8), np.full(bright.shape, 255, np.uint8)


def test_the_classes_of_the_paired_model_are_found_by_name() -> None:
    table = paired_classes(CITYSCAPES_19, STREET_11)
    for name, meant in (("car", VEHICLE), ("rider", PERSON), ("road", ROAD)):
        assert table[CITYSCAPES_19.names.index(name)] == meant
    with pytest.raises(InputError, match=r"the paired model's classes \(lake\) are none of the model's"):
        paired_classes(LabelSet(("lake",), ((1, 2, 3),)), STREET_11)
