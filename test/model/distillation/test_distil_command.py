# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""`madm distil` on a network of a moment: from a recording, from the simulator, interrupted, and refused."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from adaptation_samples import CONFIG, SMALL_STUDENT, write_bag, write_model, write_source, write_student
from PIL import Image
from process_samples import run_processes
from typer.testing import CliRunner

from madm_model.checkpoint.model_folder import build_student, save_model
from madm_model.cli.app import app
from madm_model.distillation import frames, run
from madm_model.distillation.data import DistillationData
from madm_model.labels import STREET_9
from madm_model.model_config import ModelConfig
from madm_model.segmenter import Segmenter
from madm_model.students.architecture import STUDENTS
from madm_model.training.config import FramePoolConfig

OPTIONS = ("view.batch_size=2", "min_frames=4", "view.crop_height=32", "view.crop_width=32")


@pytest.fixture(autouse=True)
def _small(monkeypatch) -> None:
    monkeypatch.setitem(STUDENTS, "small", SMALL_STUDENT)


@pytest.fixture(scope="module")
def given(tmp_path_factory) -> Path:
    """A teacher, a recording and a labelled source."""
    folder = tmp_path_factory.mktemp("given")
    write_model(folder / "teacher")
    write_bag(folder / "bag")
    write_source(folder / "source")
    return folder


def distil(given: Path, out: Path, *more: str, target: str = "", student: str = "small", modality: str = "thermal"):
    arguments = ["--teacher", given / "teacher", "--student", student, "--target", target or given / "bag"]
    arguments += ["--source", given / "source", "--out", out, "--iterations", "2", "--device", "cpu"]
    arguments += ["--modality", modality, *(part for option in OPTIONS for part in ("--option", option)), *more]
    return CliRunner().invoke(app, ["distil", *map(str, arguments)])


def test_it_ends_with_a_model_folder_and_its_card(given, tmp_path) -> None:
    result = distil(given, tmp_path / "out", "--option", "temperature=2")
    assert result.exit_code == 0, result.output
    assert "of the pixels of held-out frames as miniature does" in " ".join(result.output.split())
    segmenter = Segmenter.from_folder(tmp_path / "out", device="cpu")
    config = segmenter.config
    assert (config.name, config.modality, config.architecture) == ("miniature-small", "thermal", SMALL_STUDENT)
    assert (config.input_size, config.keep_aspect) == ((32, 64), True)  # 32x48 up to multiples of 32
    segmenter.segment([np.zeros((48, 64, 3), np.uint8)])
    card = (tmp_path / "out" / "MODEL_CARD.md").read_text()
    assert "| training | 2 iterations of 2," in card and "temperature 2" in card


def test_processes_that_accelerate_starts_train_one_student_together(given, tmp_path, monkeypatch) -> None:
    trained = []

    class Kept(run.Distillation):
        def __init__(self, *arguments) -> None:
            super().__init__(*arguments)
            self.losses: list[float] = []
            trained.append(self)

        def step(self, iteration: int):
            statistics = super().step(iteration)
            self.losses.append(sum(statistics.losses.values()))
            return statistics

    def work() -> dict:
        result = distil(given, tmp_path / "out")
        (one,) = trained
        values = [value.double().sum().item() for value in one.average.state_dict().values()]
        return {"status": result.exit_code, "output": result.output, "weights": values, "losses": one.losses}

    monkeypatch.setattr(run, "Distillation", Kept)
    alone = distil(given, tmp_path / "alone")
    (one,) = trained
    trained.clear()
    first, second = run_processes(2, tmp_path, work)
    assert [alone.exit_code, first["status"], second["status"]] == [0, 0, 0], first["output"]
    assert first["weights"] == second["weights"]  # students and norms do not drift apart
    assert first["losses"][0] == pytest.approx(
        one.losses[0], rel=1e-4
    )  # the first one's batches are those of one alone
    assert first["losses"][0] != second["losses"][0]
    assert "held-out frames" in first["output"] and second["output"] == ""
    assert "| training | 2 iterations of 4," in (tmp_path / "out" / "MODEL_CARD.md").read_text()


def test_an_interrupted_one_goes_on_to_the_same_weights(given, tmp_path, monkeypatch) -> None:
    assert distil(given, tmp_path / "unbroken").exit_code == 0
    monkeypatch.setattr(run, "_CHECKPOINT_EVERY", 1)
    step = run.Distillation.step

    def break_off(self, iteration: int):
        if iteration == 1:
            raise KeyboardInterrupt
        return step(self, iteration)

    with monkeypatch.context() as patch:
        patch.setattr(run.Distillation, "step", break_off)
        assert distil(given, tmp_path / "out").exit_code != 0
    assert not (tmp_path / "out").exists()
    again = distil(given, tmp_path / "out")
    assert "student: resuming at iteration 1 of 2" in again.output
    weights = [(tmp_path / name / "model.safetensors").read_bytes() for name in ("unbroken", "out")]
    assert weights[0] == weights[1]
    refused = distil(given, tmp_path / "out", "--seed", "3")
    assert refused.exit_code == 1
    assert "holds a distillation with another settings" in " ".join(refused.stderr.split())


def test_a_student_goes_on_from_a_model_folder(given, tmp_path) -> None:
    torch.manual_seed(5)
    network = build_student(SMALL_STUDENT, len(CONFIG.label_set))
    config = ModelConfig("before", SMALL_STUDENT, CONFIG.label_set, "rgb", (32, 32), keep_aspect=True)
    save_model(tmp_path / "before", network, config)
    learn_little = ("--option", "learning_rate=1e-9")
    assert distil(given, tmp_path / "out", *learn_little, student=str(tmp_path / "before")).exit_code == 0
    after = Segmenter.from_folder(tmp_path / "out", device="cpu")
    assert after.config.input_size == (32, 32)
    torch.testing.assert_close(
        after._network.classifier.weight, network.classifier.weight.detach(), rtol=1e-3, atol=1e-4
    )


def test_the_simulator_is_a_target(given, tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(frames, "TARGET_STREETS", FramePoolConfig(5, 2, 2, 64, 48))
    target = frames.SimulatedTarget("depth").collect(CONFIG, replace(LIMITS, min_frames=2), tmp_path, lambda *_: None)
    assert len(target) == 4
    assert target.images.shape[1:] == (40, 60, 3)  # 32x48, enlarged


def test_data_sets_are_target_and_source(given, tmp_path) -> None:
    """A few files in the layouts of FMB and Cityscapes."""
    generator = np.random.default_rng(0)
    for number in range(6):
        name = tmp_path / f"city/leftImg8bit/train/ulm/ulm_{number:06d}_000019_leftImg8bit.png"
        write(name, generator.integers(0, 255, (64, 96, 3), np.uint8))
        ids = np.kron(generator.integers(0, 19, (4, 6)), np.ones((16, 16), int)).astype(np.uint8)
        write(tmp_path / f"city/gtFine/train/ulm/ulm_{number:06d}_000019_gtFine_labelTrainIds.png", ids)
        write(tmp_path / f"fmb/train/Infrared/{number:05d}.png", generator.integers(0, 255, (60, 80), np.uint8))
        write(tmp_path / f"fmb/train/Label/{number:05d}.png", np.ones((60, 80), np.uint8))
    more = ("--source", f"cityscapes:{tmp_path / 'city'}")
    result = distil(given, tmp_path / "out", *more, target=f"fmb:{tmp_path / 'fmb'}", modality="")
    assert result.exit_code == 0, result.output
    assert ModelConfig.load(tmp_path / "out").modality == "thermal"
    again = distil(given, tmp_path / "other", "--source", f"fmb:{tmp_path / 'fmb'}")
    assert again.exit_code == 1
    assert "the labelled source has to be RGB, and fmb is thermal" in " ".join(again.stderr.split())


def write(path: Path, array: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(array).save(path)


LIMITS = run.DistillationSettings(run.DistillationConfig(iterations=1)).limits


def test_images_and_opinions_of_a_batch_show_the_same_place(tmp_path) -> None:
    """The teacher's probability of class 0 is how red a pixel is."""
    generator = np.random.default_rng(0)
    images = np.kron(generator.integers(0, 255, (8, 5, 6, 3)), np.ones((1, 8, 10, 1))).astype(np.uint8)
    target = frames.collect_images(images, CONFIG, replace(LIMITS, min_frames=2), tmp_path / "t", lambda *_: None)

    class Redness:
        indices = target.training

        def of(self, index: int) -> torch.Tensor:
            red = torch.from_numpy(np.array(target.images[index, ::2, ::2, 0])).float() / 255
            return torch.stack([red, 1 - red])

    source = frames.open_source(str(write_source(tmp_path / "source")), CONFIG.label_set, tmp_path / "work")
    view = replace(run.DistillationConfig().view, batch_size=6, crop_height=32, crop_width=32)
    student = ModelConfig("s", SMALL_STUDENT, CONFIG.label_set, "thermal", (32, 64), keep_aspect=True)
    batch = DistillationData(source, target, Redness(), student, view).target(np.random.default_rng(1))
    assert batch.images.shape == (6, 3, 32, 32) and batch.probabilities.shape == (6, 2, 32, 32)
    difference = (batch.probabilities[:, 0] - (batch.images[:, 0] + 1) / 2).abs()
    assert difference.median() < 0.02  # edges of blocks are softer in one of the two


@pytest.mark.parametrize(
    ("more", "student", "complaint"),
    [
        ((), "alexnet", "there is no student 'alexnet': use one of swiftnet, segformer-b0"),
        ((), "tiny-rgb", "model 'tiny-rgb' is a tiny, no student: use one of swiftnet"),
        (("--encoder", "there"), "small", "an encoder can be given to a SegFormer, not to small"),
        (("--size", "64"), "small", "size '64' is not HEIGHTxWIDTH, such as 192x256"),
        (("--size", "30x40"), "small", "input_size (30, 40) must be positive multiples of 32"),
        (("--option", "temprature=2"), "small", "unknown option 'temprature': it may mean student.temperature"),
        (("--option", "view.crop_width=40"), "small", "crop_height and crop_width must be multiples of 32"),
        (("--teacher", "gone"), "small", "gone is not a model folder"),
    ],
)
def test_wrong_wishes_are_one_line_and_leave_nothing(given, tmp_path, more, student, complaint) -> None:
    result = distil(given, tmp_path / "out", *more, student=student)
    assert result.exit_code == 1
    assert result.stderr.startswith("error: ") and complaint in " ".join(result.stderr.split())
    assert not list(tmp_path.iterdir())


def test_a_student_of_other_classes_is_refused(given, tmp_path) -> None:
    config = ModelConfig("nine", SMALL_STUDENT, STREET_9, "rgb", (32, 32), keep_aspect=True)
    save_model(tmp_path / "nine", build_student(SMALL_STUDENT, 9), config)
    result = distil(given, tmp_path / "out", student=str(tmp_path / "nine"))
    assert "student 'nine' has other classes than 'miniature'" in " ".join(result.stderr.split())


def test_options_that_would_not_count_are_refused(given, tmp_path, monkeypatch) -> None:
    own = write_student(tmp_path / "own")
    monkeypatch.setattr(frames, "find_dataset", lambda text: SimpleNamespace(modality="depth") if ":" in text else None)

    def complaint(*more: str, **arguments: str) -> str:
        result = distil(given, tmp_path / "out", *more, **arguments)
        assert result.exit_code == 1
        return " ".join(result.stderr.split())

    assert "sim is no recording: leave out --edge-mode, --topic" in complaint(
        *("--topic", "/x", "--edge-mode", "count"), target="sim"
    )
    assert "deliver:x is no recording: leave out --stride" in complaint("--stride", "2", target="deliver:x")
    assert "deliver:x has depth images: leave out --modality thermal" in complaint(target="deliver:x")
    assert f"but {own} has its own: name a size" in complaint("--encoder", "there", student=str(own))
    assert [path.name for path in tmp_path.iterdir()] == ["own"]
