# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""The recipe of students, cut to a few steps on small frames."""

from __future__ import annotations

import io
import shutil
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from rich.console import Console
from typer.testing import CliRunner

from madm_model.cli.app import app
from madm_model.labels import STREET_11
from madm_model.model_config import MODALITIES, ModelError
from madm_model.segmenter import Segmenter
from madm_model.training import student
from madm_model.training.frame_pool import FramePool, FramePoolConfig, render_pool
from madm_model.training.sensor_appearance import random_sensor
from madm_model.training.student import StudentRecipe, class_weights, draw, train_student, training_streets

RECIPE = StudentRecipe(
    iterations=3,
    full_view_iterations=1,
    batch_size=3,
    crop=(64, 64),
    input_size=(64, 96),
    training_frames=FramePoolConfig(0, 1, 2, width=96, height=64, close_share=0.25),  # of one street: none
    test_frames=FramePoolConfig(1_000_000, 1, 1, width=96, height=64),
)


@pytest.fixture(scope="module")
def pool(tmp_path_factory) -> FramePool:
    streets = replace(RECIPE.training_frames, modalities=("rgb", "thermal", "depth", "event"))
    return render_pool(streets, tmp_path_factory.mktemp("pool") / "frames")


def train(recipe: StudentRecipe, work: Path, out: Path) -> str:
    output = io.StringIO()
    train_student(recipe, work, out, Console(file=output, width=200))
    return output.getvalue()


def test_it_ends_with_a_model_and_its_card_the_same_when_resumed(tmp_path, monkeypatch) -> None:
    train(RECIPE, tmp_path / "work", tmp_path / "model")
    card = (tmp_path / "model" / "MODEL_CARD.md").read_text()
    assert "`madm train-student swiftnet --modality thermal --seed 0 --iterations 3 --out" in card
    assert "| training frames | 1 streets x 2, 96x64, 25 % with people close before the camera |" in card
    assert "| class | rgb | thermal | depth |" in card
    segmenter = Segmenter.from_folder(tmp_path / "model", device="cpu")
    assert (segmenter.config.name, segmenter.config.modality) == ("student-thermal", "thermal")
    weights = (tmp_path / "model" / "model.safetensors").read_bytes()

    # Broken off after two steps, and resumed; on the same frames, so that they are not rendered again.
    for frames in ("training_frames", "test_frames"):
        shutil.copytree(tmp_path / "work" / frames, tmp_path / "again" / frames)

    def break_off(*arguments):
        step = make_step(*arguments)

        def two_steps(iteration: int):
            if iteration == 2:
                raise KeyboardInterrupt
            return step(iteration)

        return two_steps

    make_step, make_stage = student.student_step, student._crops_stage
    monkeypatch.setattr(student, "_crops_stage", lambda *given: replace(make_stage(*given), checkpoint_every=1))
    with monkeypatch.context() as patch:
        patch.setattr(student, "student_step", break_off)
        with pytest.raises(KeyboardInterrupt):
            train(RECIPE, tmp_path / "again", tmp_path / "second")
    assert "swiftnet-thermal-crops: resuming at iteration 2 of 3" in train(
        RECIPE, tmp_path / "again", tmp_path / "second"
    )
    assert (tmp_path / "second" / "model.safetensors").read_bytes() == weights

    # Another recipe takes nothing of this one for its own.
    for other, told in (
        (replace(RECIPE, seed=1, iterations=5), "another seed, iterations: "),
        (replace(RECIPE, initial=str(tmp_path / "model")), "another initial: "),
    ):
        with pytest.raises(ModelError, match=f"work holds a training of swiftnet-thermal with {told}.* --work-dir"):
            train(other, tmp_path / "work", tmp_path / "other")
    (tmp_path / "again" / "swiftnet-thermal.json").unlink()
    with pytest.raises(ModelError, match=r"swiftnet-thermal with unknown settings.*remove .*swiftnet-thermal-\*\.pt"):
        train(RECIPE, tmp_path / "again", tmp_path / "other")
    assert not (tmp_path / "other").exists()

    # From there to another modality: the weights are taken over.
    depth = replace(RECIPE, modality="depth", initial=str(tmp_path / "model"), learning_rate=1e-9)
    train(depth, tmp_path / "work", tmp_path / "depth")
    before, after = (Segmenter.from_folder(tmp_path / name, device="cpu") for name in ("model", "depth"))
    first, second = (s._network.classifier.weight for s in (before, after))
    torch.testing.assert_close(first, second, rtol=1e-3, atol=1e-5)
    with pytest.raises(ModelError, match="'tiny-rgb' is no swiftnet of 11 classes"):
        train(replace(depth, initial="tiny-rgb"), tmp_path / "work", tmp_path / "other")


@pytest.mark.parametrize("modality", ["rgb", "thermal", "depth", "event"])
def test_views_show_the_modality_or_colour_at_the_same_place_as_their_labels(pool, modality) -> None:
    plain = replace(
        RECIPE,
        modality=modality,
        scale=(1.0, 1.0),
        modality_share=1.0,
        training_frames=replace(RECIPE.training_frames, modalities=("rgb", "thermal", "depth", "event")),
    )
    rng = np.random.default_rng(0)
    images, labels = zip(*(draw(rng, pool, plain, (64, 96)) for _ in range(12)))
    assert all(image.dtype == np.uint8 and image.shape == (64, 96, 3) for image in images)
    # The whole frame is seen: it is the pool's, or its mirror image.
    truths = [truth[:, ::step] for truth in pool.labels for step in (1, -1)]
    assert all(any(np.array_equal(found, truth) for truth in truths) for found in labels)
    assert len({image.tobytes() for image in images}) == 12
    if modality != "event":
        # Whatever the sensor, what is one surface stays one: labels tell more about tones than chance does.
        explained = [_explained(image[..., 0], found) for image, found in zip(images, labels)]
        moved = [_explained(image[..., 0], np.roll(found, 37, axis=1)) for image, found in zip(images, labels)]
        assert np.mean(explained) > np.mean(moved)


def _explained(grey: np.ndarray, labels: np.ndarray) -> float:
    """Share of the variance of tones that lies between classes."""
    means = [grey[labels == index].mean() if (labels == index).any() else 0 for index in range(len(STREET_11))]
    return float(np.var(np.array(means)[labels]) / max(np.var(grey.astype(float)), 1e-9))


def test_a_random_thermal_camera_may_be_black_hot_and_mostly_is_not(pool) -> None:
    rng = np.random.default_rng(0)
    thermal, colour, labels = pool.images["thermal"][0], pool.images["rgb"][0], np.asarray(pool.labels[0])
    sky = labels == STREET_11.names.index("sky")
    darker = [
        (seen := random_sensor(rng, "thermal", thermal, colour, labels)[..., 0])[sky].mean() < seen[~sky].mean()
        for _ in range(60)
    ]
    assert 0.6 < np.mean(darker) < 1


def test_foliage_is_rougher_than_metal_to_a_thermal_camera() -> None:
    labels = np.full((64, 96), STREET_11.names.index("vegetation"), np.uint8)
    labels[:, 48:] = STREET_11.names.index("vehicle")
    rng = np.random.default_rng(0)
    colour = rng.integers(0, 256, (64, 96, 3), dtype=np.uint8)
    thermal = np.full((64, 96, 3), 128, np.uint8)
    thermal[:2], thermal[2:4] = 0, 255  # something to set the gain by
    seen = [random_sensor(rng, "thermal", thermal, colour, labels)[8:, :, 0].astype(float) for _ in range(40)]
    foliage, metal = (np.median([view[:, part].std() for view in seen]) for part in (np.s_[:40], np.s_[56:]))
    assert foliage > 1.3 * metal


def test_clothes_of_people_close_by_have_folds_and_metal_has_none() -> None:
    rng = np.random.default_rng(0)
    colour, thermal = np.full((64, 96, 3), 90, np.uint8), np.full((64, 96, 3), 128, np.uint8)
    thermal[:2], thermal[2:4] = 0, 255  # something to set the gain by

    def roughness(name: str) -> float:
        labels = np.full((64, 96), STREET_11.names.index(name), np.uint8)
        seen = [random_sensor(rng, "thermal", thermal, colour, labels)[..., 0].astype(float) for _ in range(60)]
        return np.mean([np.abs(cv2.blur(view, (3, 3)) - cv2.blur(view, (15, 15)))[14:].mean() for view in seen])

    assert roughness("person") > 1.5 * roughness("vehicle")


def test_the_ground_has_warm_and_cold_patches_and_vehicles_have_none() -> None:
    labels = np.full((96, 128), STREET_11.names.index("road"), np.uint8)
    labels[:, 64:] = STREET_11.names.index("vehicle")
    rng = np.random.default_rng(0)
    colour, thermal = np.full((96, 128, 3), 90, np.uint8), np.full((96, 128, 3), 128, np.uint8)
    thermal[:2], thermal[2:4] = 0, 255  # something to set the gain by
    seen = [random_sensor(rng, "thermal", thermal, colour, labels)[8:, :, 0].astype(float) for _ in range(40)]
    steps = [np.abs(np.diff(cv2.blur(view, (5, 5)), axis=0)) for view in seen]
    ground, vehicle = (np.mean([step[:, part].max() for step in steps]) for part in (np.s_[:56], np.s_[72:]))
    assert ground > 1.8 * vehicle


def test_rare_classes_weigh_more_and_pixels_one_on_average() -> None:
    labels = np.zeros((4, 64, 64), np.uint8)
    labels[:, :8, :8] = 3
    weights = class_weights(labels, 0.25)
    assert weights[3] == pytest.approx(weights[0] * 63**0.25, rel=1e-4)
    assert weights[labels[:, ::4, ::4]].mean() == pytest.approx(1)
    assert (class_weights(labels, 0) == 1).all()


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["alexnet", "--modality=thermal"], "there is no student 'alexnet': use one of swiftnet, segformer-b0"),
        (["swiftnet", "--modality=radar"], "unknown modality 'radar'"),
        (["swiftnet", "--modality=depth", "--encoder=there"], "an encoder can be given to a SegFormer"),
        (["swiftnet", "--modality=depth", "--initial=gone"], "no model folder gone"),
        (["swiftnet", "--modality=depth", "--iterations=0"], "iterations is 0: it has to be greater than"),
    ],
)
def test_wrong_wishes_of_the_command_are_one_line(arguments, complaint, tmp_path) -> None:
    out, work = tmp_path / "out", tmp_path / "work"
    result = CliRunner().invoke(app, ["train-student", *arguments, f"--out={out}", f"--work-dir={work}"])
    assert result.exit_code == 1
    assert result.stderr.startswith("error: ") and complaint in " ".join(result.stderr.split())
    assert not out.exists()


@pytest.mark.parametrize("modality", MODALITIES)
def test_there_are_streets_for_every_modality(modality) -> None:
    StudentRecipe(modality=modality, training_frames=training_streets(modality))
    with pytest.raises(ValueError, match="training_frames need rgb and event"):
        StudentRecipe(modality="event")
