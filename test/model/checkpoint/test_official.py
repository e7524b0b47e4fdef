# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""The importer: every key consumed or named, both spellings of the VAE's attention, one clear error each."""

from __future__ import annotations

import json
from collections import OrderedDict
from pathlib import Path

import pytest
import torch
from official_checkpoint import CONDITION, CONDITION_ALIAS, EXTRACTOR, SMALL, official_tensors, small_network
from safetensors.torch import save_file
from typer import Typer
from typer.testing import CliRunner

from madm_model.checkpoint.model_folder import load_model
from madm_model.checkpoint.official import import_checkpoint, import_to_folder, read_checkpoint
from madm_model.cli.import_official import import_official
from madm_model.labels import STREET_9, STREET_11
from madm_model.model_config import ModelError
from madm_model.network import MADM


@pytest.fixture(scope="module")
def network() -> MADM:
    return small_network()


@pytest.fixture
def tensors(network: MADM) -> dict[str, torch.Tensor]:
    return official_tensors(network)


def assert_same_weights(found: MADM, expected: MADM) -> None:
    for (name, value), (other, wanted) in zip(found.state_dict().items(), expected.state_dict().items()):
        assert name == other
        assert torch.equal(value, wanted), name


def test_all_weights_arrive(network: MADM, tensors: dict[str, torch.Tensor]) -> None:
    imported = import_checkpoint(tensors, SMALL, "event", "official-event")
    assert_same_weights(imported.network, network)
    assert not imported.network.training
    assert imported.warnings == []
    assert imported.config.label_set == STREET_11
    assert imported.config.modality == "event"
    assert (imported.config.input_size, imported.config.keep_aspect) == ((512, 512), False)


def test_nine_classes_are_the_thermal_labels() -> None:
    imported = import_checkpoint(official_tensors(small_network(9)), SMALL, "thermal", "official-thermal")
    assert imported.config.label_set == STREET_9


def test_older_vae_attention_names(network: MADM, tensors: dict[str, torch.Tensor]) -> None:
    older = {"to_q.": "query.", "to_k.": "key.", "to_v.": "value.", "to_out.0.": "proj_attn."}
    renamed = {}
    for key, value in tensors.items():
        for new, old in older.items():
            key = key.replace(new, old) if key.startswith(f"{EXTRACTOR}vae.") else key
        renamed[key] = value
    assert sum("proj_attn" in key for key in renamed) == 4
    assert_same_weights(import_checkpoint(renamed, SMALL, "event", "m").network, network)


def test_half_precision_parts_become_float32(network: MADM, tensors: dict[str, torch.Tensor]) -> None:
    mixed = {key: value.half() if ".vae." in key else value for key, value in tensors.items()}
    imported = import_checkpoint(mixed, SMALL, "event", "m")
    assert {value.dtype for value in imported.network.parameters()} == {torch.float32}
    assert torch.equal(imported.network.vae.quant_conv.bias, network.vae.quant_conv.bias.half().float())


def test_every_unknown_key_is_named(tensors: dict[str, torch.Tensor]) -> None:
    unknown = [f"{EXTRACTOR}unet.lora_{index}.weight" for index in range(5)] + ["extra"]
    for key in unknown:
        tensors[key] = torch.zeros(1)
    with pytest.raises(ModelError) as error:
        import_checkpoint(tensors, SMALL, "event", "m")
    assert "6 unknown tensors" in str(error.value)
    assert all(key in str(error.value) for key in unknown)


@pytest.mark.parametrize(
    "key",
    [
        f"{EXTRACTOR}unet.conv_in.weight",
        f"{EXTRACTOR}vae.quant_conv.bias",
        f"{EXTRACTOR}shared_noise",
        "backbone.feature_projections.0.0.conv3.norm.bias",
    ],
)
def test_missing_key(tensors: dict[str, torch.Tensor], key: str) -> None:
    del tensors[key]
    with pytest.raises(ModelError, match=r"is missing$"):
        import_checkpoint(tensors, SMALL, "event", "m")


def test_wrong_shape(tensors: dict[str, torch.Tensor]) -> None:
    tensors[f"{EXTRACTOR}unet.conv_in.weight"] = torch.zeros(16, 5, 3, 3)
    with pytest.raises(ModelError, match=r"unet.conv_in.weight is \(16, 5, 3, 3\).* needs \(16, 4, 3, 3\)"):
        import_checkpoint(tensors, SMALL, "event", "m")


def test_class_count_that_no_official_model_has() -> None:
    with pytest.raises(ModelError, match=r"has 7 classes; official label sets have 11 or 9"):
        import_checkpoint(official_tensors(small_network(7)), SMALL, "event", "m")


def test_unknown_modality(tensors: dict[str, torch.Tensor]) -> None:
    with pytest.raises(ModelError, match="unknown modality 'radar'"):
        import_checkpoint(tensors, SMALL, "radar", "m")


def test_differing_duplicates_are_told_and_the_evaluated_one_wins(
    network: MADM, tensors: dict[str, torch.Tensor]
) -> None:
    tensors[CONDITION_ALIAS + "prompt_embed"] += 1
    tensors["sem_seg_head.conv_seg.bias"] = tensors["sem_seg_head.conv_seg.bias"] + 1
    imported = import_checkpoint(tensors, SMALL, "event", "m")
    assert_same_weights(imported.network, network)
    condition, head = imported.warnings
    assert CONDITION in condition and CONDITION_ALIAS in condition
    assert "sem_seg_head_sec_modal" in head


def test_one_name_of_a_duplicate_is_enough(network: MADM, tensors: dict[str, torch.Tensor]) -> None:
    dropped = ("sem_seg_head_sec_modal.", CONDITION_ALIAS)
    kept = {key: value for key, value in tensors.items() if not key.startswith(dropped)}
    imported = import_checkpoint(kept, SMALL, "event", "m")
    assert_same_weights(imported.network, network)
    assert imported.warnings == []


def test_without_vae_or_prompt_a_base_is_asked_for(tensors: dict[str, torch.Tensor]) -> None:
    bare = {key: value for key, value in tensors.items() if ".vae." not in key and "uncond" not in key}
    with pytest.raises(ModelError, match=r"lacks the VAE and the empty prompt: .* --base"):
        import_checkpoint(bare, SMALL, "event", "m")


def test_base_folder_fills_in(tmp_path: Path, network: MADM, tensors: dict[str, torch.Tensor]) -> None:
    from transformers import CLIPTextConfig, CLIPTextModel

    width = SMALL.cross_attention_dim
    encoder = CLIPTextModel(
        CLIPTextConfig(
            vocab_size=49408, hidden_size=width, intermediate_size=8, num_hidden_layers=1, num_attention_heads=2
        )
    ).eval()
    encoder.save_pretrained(tmp_path / "text_encoder")
    (tmp_path / "vae").mkdir()
    vae = {key: value + 1 for key, value in network.vae.state_dict().items()}
    save_file(vae, tmp_path / "vae" / "diffusion_pytorch_model.safetensors")

    no_vae = {key: value for key, value in tensors.items() if ".vae." not in key}
    imported = import_checkpoint(no_vae, SMALL, "event", "m", base=tmp_path)
    assert torch.equal(imported.network.vae.quant_conv.bias, network.vae.quant_conv.bias + 1)
    assert torch.equal(imported.network.uncond_inputs, network.uncond_inputs)

    unneeded = import_checkpoint(tensors, SMALL, "event", "m", base=tmp_path)
    assert "--base was not needed" in unneeded.warnings[0]
    assert_same_weights(unneeded.network, network)

    from madm_model.checkpoint.stable_diffusion import load_empty_prompt

    tokens = torch.tensor([[49406] + [49407] * 76])
    with torch.no_grad():
        expected = encoder(input_ids=tokens).last_hidden_state
    torch.testing.assert_close(load_empty_prompt(tmp_path), expected)


def test_base_that_is_no_stable_diffusion_folder(tmp_path: Path, tensors: dict[str, torch.Tensor]) -> None:
    for lacking in (".vae.", "uncond_inputs"):
        bare = {key: value for key, value in tensors.items() if lacking not in key}
        with pytest.raises(ModelError, match="is no Stable Diffusion folder"):
            import_checkpoint(bare, SMALL, "event", "m", base=tmp_path)


@pytest.mark.parametrize("wrapping", ["bare", "detectron2", "distributed", "legacy", "safetensors"])
def test_file_layouts(tmp_path: Path, tensors: dict[str, torch.Tensor], wrapping: str) -> None:
    path = tmp_path / ("model.safetensors" if wrapping == "safetensors" else "model.pth")
    if wrapping == "safetensors":
        save_file({key: value.contiguous() for key, value in tensors.items()}, path)
    elif wrapping == "distributed":
        torch.save({"model": {f"module.{key}": value for key, value in tensors.items()}, "iteration": 9}, path)
    elif wrapping == "detectron2":
        torch.save({"model": OrderedDict(tensors), "iteration": 9, "trainer": {"iteration": 9}}, path)
    else:
        torch.save(tensors, path, _use_new_zipfile_serialization=wrapping != "legacy")
    found = read_checkpoint(path)
    assert found.keys() == tensors.keys()
    assert all(torch.equal(found[key], tensors[key]) for key in tensors)


class Harmful:
    def __reduce__(self):
        return Path.touch, (Path("harm-was-done"),)


def test_pickle_with_code_is_not_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    torch.save({"model": Harmful()}, tmp_path / "harmful.pth")
    with pytest.raises(ModelError, match="more than tensors"):
        read_checkpoint(tmp_path / "harmful.pth")
    assert not Path("harm-was-done").exists()


@pytest.mark.parametrize("name", ["broken.pth", "hi.pth", "broken.safetensors", "empty.pth", "truncated.pth"])
def test_damaged_files(tmp_path: Path, tensors: dict[str, torch.Tensor], name: str) -> None:
    path = tmp_path / name
    if name == "truncated.pth":
        torch.save(tensors, path)
        path.write_bytes(path.read_bytes()[:-1000])
    else:
        path.write_bytes({"empty.pth": b"", "hi.pth": b"hi\n"}.get(name, b"no checkpoint at all"))
    with pytest.raises(ModelError, match=name):
        read_checkpoint(path)


def test_file_without_tensors_and_missing_file(tmp_path: Path) -> None:
    torch.save({"model": {"epoch": 3}}, tmp_path / "odd.pth")
    with pytest.raises(ModelError, match="no table of tensors"):
        read_checkpoint(tmp_path / "odd.pth")
    with pytest.raises(ModelError, match="there is no checkpoint file"):
        read_checkpoint(tmp_path / "missing.pth")


def test_folder_appears_complete_and_is_not_overwritten(
    tmp_path: Path, network: MADM, tensors: dict[str, torch.Tensor]
) -> None:
    torch.save({"model": tensors}, tmp_path / "ckpt.pth")
    out = tmp_path / "models" / "event"
    import_to_folder(tmp_path / "ckpt.pth", out, SMALL, "event")
    loaded, config = load_model(out)
    assert_same_weights(loaded, network)
    assert config.name == "event"
    assert [path.name for path in out.parent.iterdir()] == ["event"]
    with pytest.raises(ModelError, match="exists already"):
        import_to_folder(tmp_path / "ckpt.pth", out, SMALL, "event")


def test_failed_write_leaves_nothing(
    tmp_path: Path, tensors: dict[str, torch.Tensor], monkeypatch: pytest.MonkeyPatch
) -> None:
    torch.save(tensors, tmp_path / "ckpt.pth")

    def disk_full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("madm_model.model_config.ModelConfig.save", disk_full)
    with pytest.raises(ModelError, match="No space left"):
        import_to_folder(tmp_path / "ckpt.pth", tmp_path / "models" / "event", SMALL, "event")
    assert list((tmp_path / "models").iterdir()) == []


def test_command(tmp_path: Path, tensors: dict[str, torch.Tensor], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("madm_model.architecture.SD14", SMALL)
    app = Typer()
    app.command()(import_official)
    torch.save({"model": tensors}, tmp_path / "ckpt.pth")
    arguments = [str(tmp_path / "ckpt.pth"), "--modality", "event", "--out", str(tmp_path / "event")]
    result = CliRunner().invoke(app, [*arguments, "--dtype", "float16"])
    assert result.exit_code == 0, result.output
    assert "event, 11 classes" in result.stdout
    assert json.loads((tmp_path / "event" / "config.json").read_text())["modality"] == "event"
    again = CliRunner().invoke(app, arguments)
    assert again.exit_code == 1
    assert "exists already" in again.stderr
