# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""Model folders: what is written is read back, what is damaged is named."""

from __future__ import annotations

import os
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from kill_samples import start_child
from official_checkpoint import SMALL, small_network
from safetensors.torch import load_file, save_file

from madm_model.checkpoint import model_names
from madm_model.checkpoint.model_folder import WEIGHTS_FILE, load_model, save_model
from madm_model.checkpoint.model_names import EMBEDDED, embedded_model, resolve_model
from madm_model.labels import STREET_9, STREET_11
from madm_model.model_config import EMBEDDED_WEIGHTS, ModelConfig, ModelError
from madm_model.store import BASE, VersionInfo, VersionStore

CONFIG = ModelConfig("small", SMALL, STREET_11, "rgb", (64, 96), keep_aspect=True)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    save_model(tmp_path / "small", small_network(), CONFIG)
    return tmp_path / "small"


def test_round_trip_is_exact(folder: Path) -> None:
    network, config = load_model(folder)
    assert config == CONFIG
    assert not network.training
    for (name, value), wanted in zip(network.state_dict().items(), small_network().state_dict().values()):
        assert torch.equal(value, wanted), name
    with torch.inference_mode():
        assert network(torch.zeros(1, 3, 32, 64)).logits.shape == (1, 11, 32, 64)
    network.train()
    network(torch.zeros(2, 3, 32, 64)).logits.mean().backward()
    assert network.unet.conv_in.weight.grad is not None


def test_half_precision_halves_the_file(tmp_path: Path, folder: Path) -> None:
    network = small_network()
    save_model(tmp_path / "half", network, CONFIG, torch.float16)
    assert network.unet.conv_in.weight.dtype == torch.float32
    sizes = [(path / WEIGHTS_FILE).stat().st_size for path in (tmp_path / "half", folder)]
    assert 0.45 < sizes[0] / sizes[1] < 0.65
    stored = load_file(tmp_path / "half" / WEIGHTS_FILE)
    assert stored["unet.conv_in.weight"].dtype == torch.float16
    assert stored["head.bottleneck.norm.num_batches_tracked"].dtype == torch.int64
    loaded, _ = load_model(tmp_path / "half", dtype=torch.bfloat16)
    assert loaded.unet.conv_in.weight.dtype == torch.bfloat16


def test_saving_again_replaces(folder: Path) -> None:
    network = small_network()
    with torch.no_grad():
        network.head.classifier.bias.fill_(3.0)
    save_model(folder, network, replace(CONFIG, name="second"))
    loaded, config = load_model(folder)
    assert config.name == "second"
    assert torch.equal(loaded.head.classifier.bias, torch.full((11,), 3.0))
    assert sorted(path.name for path in folder.iterdir()) == ["config.json", WEIGHTS_FILE]


def test_weights_are_as_readable_as_their_folder(tmp_path: Path) -> None:
    (tmp_path / "shared").mkdir()
    (tmp_path / "shared").chmod(0o755)
    save_model(tmp_path / "shared", small_network(), CONFIG)
    assert (tmp_path / "shared" / WEIGHTS_FILE).stat().st_mode & 0o777 == 0o644


def test_configuration_of_another_network_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="another architecture or number of classes"):
        save_model(tmp_path / "wrong", small_network(), replace(CONFIG, label_set=STREET_9))
    assert not (tmp_path / "wrong").exists()


def test_target_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(ModelError, match="cannot write the model"):
        save_model(tmp_path / "file" / "model", small_network(), CONFIG)


def test_missing_parts(tmp_path: Path, folder: Path) -> None:
    with pytest.raises(ModelError, match="there is no model folder"):
        load_model(tmp_path / "nowhere")
    (tmp_path / "empty").mkdir()
    with pytest.raises(ModelError, match=r"has no config\.json"):
        load_model(tmp_path / "empty")
    (folder / WEIGHTS_FILE).unlink()
    with pytest.raises(ModelError, match=r"has no model\.safetensors"):
        load_model(folder)


@pytest.mark.parametrize("keep", [0, 5, 1000, -1000])
def test_damaged_weights(folder: Path, keep: int) -> None:
    path = folder / WEIGHTS_FILE
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(ModelError, match=r"model\.safetensors is damaged"):
        load_model(folder)


def test_wrong_class_count_names_both(folder: Path) -> None:
    replace(CONFIG, label_set=STREET_9).save(folder)
    with pytest.raises(ModelError, match=r"head.classifier.weight is \(11, 8, 1, 1\).*with 9 classes needs"):
        load_model(folder)


def test_missing_and_unknown_tensors(folder: Path) -> None:
    tensors = load_file(folder / WEIGHTS_FILE)
    noise = tensors.pop("shared_noise")
    save_file(tensors, folder / WEIGHTS_FILE)
    with pytest.raises(ModelError, match="shared_noise is missing"):
        load_model(folder)
    unknown = {name: torch.zeros(1) for name in ("a", "b", "c", "d")}
    save_file({**tensors, **unknown, "shared_noise": noise}, folder / WEIGHTS_FILE)
    with pytest.raises(ModelError, match="a, b, c and 1 more are not part of the network"):
        load_model(folder)


def test_what_runs_is_a_student_where_there_is_one_else_a_madm_of_the_modality(tmp_path, monkeypatch) -> None:
    for name in ("student-thermal", "tiny-thermal", "tiny-depth", "tiny-rgb"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "config.json").touch()
    monkeypatch.setattr(model_names, "EMBEDDED_WEIGHTS", tmp_path)
    named = [embedded_model(modality) for modality in ("thermal", "depth", "event", "rgb")]
    assert named == ["student-thermal", "tiny-depth", "tiny-rgb", "tiny-rgb"]


def test_embedded_name_and_paths() -> None:
    assert resolve_model(EMBEDDED).parts[-3:] == ("madm_model", "weights", "tiny-rgb")
    assert resolve_model("some/folder") == Path("some/folder")
    assert resolve_model("~/model") == Path.home() / "model"


def test_an_embedded_name_that_is_a_folder_here_too_is_told_once(folder, tmp_path, monkeypatch, caplog) -> None:
    monkeypatch.chdir(tmp_path)
    shutil.copytree(folder, tmp_path / EMBEDDED)
    for _ in range(2):
        assert resolve_model(EMBEDDED) == EMBEDDED_WEIGHTS / EMBEDDED
    (message,) = [record.getMessage() for record in caplog.records]
    assert message.endswith(f"write ./{EMBEDDED} for the folder of that name here")
    assert resolve_model(f"./{EMBEDDED}") == Path(EMBEDDED)


@pytest.fixture
def version(tmp_path: Path) -> Path:
    """The folder of a store's version."""
    store = VersionStore(tmp_path / "store", tmp_path / "base")
    name = store.add(
        lambda folder: save_model(folder, small_network(), CONFIG), lambda name: VersionInfo(name, BASE, "", "rgb")
    )
    return store.folder(name)


@pytest.mark.parametrize(("file", "at"), [("config.json", 60), (WEIGHTS_FILE, 20), (WEIGHTS_FILE, -7)])
def test_a_flipped_bit_of_a_version_is_found_when_it_is_loaded(version: Path, file: str, at: int) -> None:
    load_model(version)
    content = bytearray((version / file).read_bytes())
    content[at] ^= 1
    (version / file).write_bytes(content)
    with pytest.raises(ModelError, match=rf"{file} is damaged .*: go back to another version of the store"):
        load_model(version)


def test_a_version_that_is_not_described_is_refused(version: Path) -> None:
    (version / "version.json").write_text("{}")
    with pytest.raises(ModelError, match=r"version\.json is damaged"):
        load_model(version)


def _truncate_under_a_network(folder: str) -> None:
    network, _ = load_model(folder)
    os.truncate(Path(folder) / WEIGHTS_FILE, 100)
    with torch.inference_mode():
        network(torch.zeros(1, 3, 32, 64))


def test_weights_that_are_truncated_in_place_do_not_hurt_a_network_that_was_loaded(folder: Path) -> None:
    child = start_child(_truncate_under_a_network, str(folder))
    child.join()
    assert child.exitcode == 0


def test_sizes_that_do_not_fit_together_are_one_error(folder: Path) -> None:
    replace(CONFIG, architecture=replace(SMALL, unet_norm_num_groups=7)).save(folder)
    with pytest.raises(ModelError, match="no madm can be built of the sizes"):
        load_model(folder)
