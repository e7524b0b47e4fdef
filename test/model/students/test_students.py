# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""Students: the networks, and that a model folder, a Segmenter and a store take one like any other model."""

from __future__ import annotations

import copy
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from adaptation_samples import SMALL_STUDENT

from madm_model.checkpoint.model_folder import build_on_meta, build_student, load_model, save_model
from madm_model.labels import STREET_11
from madm_model.model_config import ModelConfig, ModelError
from madm_model.segmenter import Segmenter
from madm_model.store import VersionInfo, VersionStore
from madm_model.students.architecture import SEGFORMER_B0, STUDENTS, StudentArchitecture

SMALL_SEGFORMER = replace(
    SEGFORMER_B0, name="small", hidden_sizes=(8, 8, 10, 16), depths=(1, 1, 1, 1), decoder_hidden_size=8
)
SMALL = (SMALL_STUDENT, SMALL_SEGFORMER)


def config(architecture: StudentArchitecture, **changes) -> ModelConfig:
    return replace(ModelConfig("a-student", architecture, STREET_11, "thermal", (64, 96), keep_aspect=True), **changes)


def student(architecture: StudentArchitecture) -> torch.nn.Module:
    """Random weights, and norms that do something."""
    torch.manual_seed(0)
    network = build_student(architecture, len(STREET_11))
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            torch.nn.init.normal_(module.running_mean)
            torch.nn.init.uniform_(module.running_var, 0.5, 2.0)
            torch.nn.init.uniform_(module.weight, 0.5, 1.5)
            torch.nn.init.normal_(module.bias)
    return network.eval()


def image(height: int, width: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)


@pytest.mark.parametrize("architecture", SMALL, ids=lambda architecture: architecture.network)
def test_scores_are_a_quarter_of_the_image_and_every_weight_is_trained(architecture) -> None:
    network = student(architecture).train()
    logits = network(torch.randn(2, 3, 96, 64)).logits
    assert logits.shape == (2, 11, 24, 16)
    torch.nn.functional.cross_entropy(logits, torch.randint(11, (2, 24, 16))).backward()
    # A bias before a norm, or of attention keys, changes nothing: weights are what counts.
    still = [name for name, value in network.named_parameters() if value.dim() > 1 and not value.grad.abs().sum() > 0]
    assert not still


@pytest.mark.parametrize("architecture", SMALL, ids=lambda architecture: architecture.network)
def test_a_model_folder_holds_it_and_gives_back_the_same_labels(architecture, tmp_path) -> None:
    network = student(architecture)
    save_model(tmp_path, network, config(architecture))
    loaded, found = load_model(tmp_path)
    assert found == config(architecture)
    assert json.loads((tmp_path / "config.json").read_text())["network"] == architecture.network
    for name, value in network.state_dict().items():
        assert torch.equal(value, loaded.state_dict()[name]), name

    segmenter = Segmenter.from_folder(tmp_path, device="cpu")
    for height, width in ((64, 96), (50, 70)):  # the network's own size, and one that is resized
        (result,) = segmenter.segment([image(height, width)])
        assert result.labels.shape == result.confidence.shape == (height, width)
    direct = Segmenter(network, found, "cpu", torch.float32).segment([image(64, 96)])[0]
    folded = segmenter.segment([image(64, 96)])[0]
    assert (direct.labels == folded.labels).mean() > 0.99

    save_model(tmp_path, network, found, torch.float16)
    half = Segmenter.from_folder(tmp_path, device="cpu").segment([image(64, 96)])[0]
    assert (direct.labels == half.labels).mean() > 0.9


def test_folding_changes_no_score() -> None:
    network = student(SMALL_STUDENT)
    folded = copy.deepcopy(network)
    folded.fold_norms()
    assert not any(isinstance(module, torch.nn.BatchNorm2d) for module in folded.modules())
    images = torch.randn(1, 3, 64, 96)
    with torch.inference_mode():
        torch.testing.assert_close(folded(images).logits, network(images).logits, rtol=1e-4, atol=1e-4)


def test_the_whole_picture_reaches_every_place() -> None:
    network = student(SMALL_STUDENT)
    images = torch.randn(1, 3, 256, 512)
    changed = images.clone()
    changed[..., :32] += 1
    with torch.inference_mode():
        difference = (network(images).logits - network(changed).logits).abs()
    assert difference[..., -8:].max() > 0


@pytest.mark.parametrize(("name", "millions"), [("swiftnet", 3.0), ("segformer-b0", 3.7), ("segformer-b2", 27.4)])
def test_named_students_have_the_sizes_of_their_papers(name, millions) -> None:
    network = build_on_meta(config(STUDENTS[name]))
    assert sum(parameter.numel() for parameter in network.parameters()) / 1e6 == pytest.approx(millions, abs=0.1)


def test_b5_is_the_85_million_of_the_papers_student() -> None:
    network = build_on_meta(config(STUDENTS["segformer-b5"]))
    assert sum(parameter.numel() for parameter in network.parameters()) / 1e6 == pytest.approx(85, abs=0.5)


def test_what_no_network_can_be_made_of_is_named(tmp_path) -> None:
    save_model(tmp_path, student(SMALL_STUDENT), config(SMALL_STUDENT))
    data = json.loads((tmp_path / "config.json").read_text())

    def complaint(**changes) -> str:
        (tmp_path / "config.json").write_text(json.dumps(data | changes))
        with pytest.raises(ModelError) as error:
            load_model(tmp_path)
        return str(error.value)

    assert "network 'unet' is unknown here: this release has madm, swiftnet, segformer" in complaint(network="unet")
    assert "network '[1]' is unknown here" in complaint(network=[1])
    assert "architecture lacks decoder_hidden_size" in complaint(network="segformer")
    assert "is not divisible by 4" in complaint(architecture=data["architecture"] | {"decoder_width": 6})
    assert "need four values" in complaint(architecture=data["architecture"] | {"widths": [4, 8]})
    assert "needs (8, 3, 3, 3)" in complaint(architecture=data["architecture"] | {"widths": [8, 8, 8, 16]})
    with pytest.raises(ModelError, match="multiples of 32"):
        config(SMALL_STUDENT, input_size=(60, 96))


def test_a_store_runs_a_student_as_its_base_and_as_a_version(tmp_path) -> None:
    save_model(tmp_path / "base", student(SMALL_SEGFORMER), config(SMALL_SEGFORMER, name="first"))
    store = VersionStore(tmp_path / "store", tmp_path / "base")
    assert Segmenter.from_folder(store.read().folder, device="cpu").config.name == "first"
    version = store.add(
        lambda folder: save_model(folder, student(SMALL_STUDENT), config(SMALL_STUDENT, name="second")),
        lambda name: VersionInfo(name, "base", "job", "thermal", gate={"passed": True}),
    )
    store.activate(version)
    assert Segmenter.from_folder(store.read().folder, device="cpu").config.name == "second"


def test_a_segformer_starts_from_an_encoder_in_a_folder(tmp_path: Path) -> None:
    torch.manual_seed(1)
    other = build_student(SMALL_SEGFORMER, 5)
    other.network.segformer.save_pretrained(tmp_path)
    network = student(SMALL_SEGFORMER)
    network.load_encoder(tmp_path)
    for name, value in other.network.segformer.state_dict().items():
        assert torch.equal(network.network.segformer.state_dict()[name], value), name
    wider = student(replace(SMALL_SEGFORMER, name="wider", hidden_sizes=(16, 16, 20, 32)))
    with pytest.raises(ModelError, match="holds no encoder for wider"):
        wider.load_encoder(tmp_path)
    with pytest.raises(ModelError, match="holds no encoder for small"):
        network.load_encoder(tmp_path / "gone")
    with pytest.raises(ModelError, match="nobody/nothing holds no encoder for small: We couldn't connect to"):
        network.load_encoder("nobody/nothing")  # of the hub, which is offline in tests
