# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""Untrained models: what comes from the base, from a folder or as from the hub, and what is told of wrong bases."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from base_samples import TOKENS, WIDTH, Hub, write_base
from safetensors.torch import load_file, save_file
from transformers import CLIPTextModel
from typer.testing import CliRunner

from madm_model.architecture import SD14
from madm_model.checkpoint.hub import find_base
from madm_model.checkpoint.model_folder import load_model
from madm_model.checkpoint.new_model import new_model
from madm_model.checkpoint.stable_diffusion import read_architecture
from madm_model.cli.app import app
from madm_model.labels import STREET_9, STREET_11
from madm_model.model_config import ModelError


@pytest.fixture(scope="module")
def whole(tmp_path_factory) -> Path:
    return write_base(tmp_path_factory.mktemp("base") / "mini")


@pytest.fixture
def base(whole, tmp_path) -> Path:
    """One to spoil."""
    return Path(shutil.copytree(whole, tmp_path / "mini"))


def change(path: Path, **values) -> None:
    path.write_text(json.dumps(json.loads(path.read_text()) | values))


def run(*arguments: object):
    return CliRunner().invoke(app, ["new", *map(str, arguments)])


def test_new_takes_unet_vae_and_empty_prompt_from_the_base(whole, tmp_path):
    out = tmp_path / "model"
    options = ("--classes", "street9", "--modality", "thermal", "--any-size", "--seed", 4)
    result = run("--base", whole, "--out", out, *options)
    assert result.exit_code == 0, result.output
    assert f"{out}: mini, untrained, thermal, 9 classes" in result.stdout
    network, config = load_model(out)
    assert config.label_set == STREET_9
    assert (config.modality, config.input_size, config.keep_aspect) == ("thermal", (512, 512), False)
    weights = network.state_dict()
    for part in ("unet", "vae"):
        for name, tensor in load_file(whole / part / "diffusion_pytorch_model.safetensors").items():
            assert torch.equal(weights[f"{part}.{name}"], tensor), name
    encoder = CLIPTextModel.from_pretrained(whole / "text_encoder").eval()
    with torch.no_grad():
        expected = encoder(input_ids=torch.tensor([[4] + [5] * (TOKENS - 1)])).last_hidden_state
    torch.testing.assert_close(network.uncond_inputs, expected)
    other, _config = new_model(whole, STREET_9, "thermal", "model", seed=5, any_size=True)
    assert not torch.equal(other.head.classifier.weight, network.head.classifier.weight)
    assert run("--base", whole, "--out", out, *options).stderr.startswith(f"error: {out} exists already")


def test_the_seed_alone_decides_and_the_callers_random_numbers_are_left_alone(whole):
    torch.manual_seed(0)
    expected = torch.rand(3)
    torch.manual_seed(0)
    network, _config = new_model(whole, STREET_11, "rgb", "m", any_size=True)
    assert torch.equal(torch.rand(3), expected)
    again, _config = new_model(whole, STREET_11, "rgb", "m", any_size=True)
    assert all(torch.equal(value, again.state_dict()[name]) for name, value in network.state_dict().items())
    output = network.eval()(torch.zeros(1, 3, 16, 16))
    assert output.logits.shape == (1, 11, 16, 16)


def test_older_names_of_the_vaes_attention(base, whole):
    file = base / "vae" / "diffusion_pytorch_model.safetensors"
    older = {"to_q.": "query.", "to_k.": "key.", "to_v.": "value.", "to_out.0.": "proj_attn."}
    tensors = load_file(file)
    for new, old in older.items():
        tensors = {name.replace(new, old): tensor for name, tensor in tensors.items()}
    assert any("proj_attn" in name for name in tensors)
    save_file(tensors, file)
    renamed, expected = (new_model(folder, STREET_9, "rgb", "m", any_size=True)[0] for folder in (base, whole))
    assert all(torch.equal(value, expected.vae.state_dict()[name]) for name, value in renamed.vae.state_dict().items())


def test_stable_diffusion_1_4_is_sd14(base):
    """Configurations as the release has them, which lacks what diffusers named later."""
    change(
        base / "unet/config.json",
        block_out_channels=[320, 640, 1280, 1280],
        down_block_types=[*["CrossAttnDownBlock2D"] * 3, "DownBlock2D"],
        layers_per_block=2,
        attention_head_dim=8,
        norm_num_groups=32,
        cross_attention_dim=768,
    )
    vae = {"latent_channels": 4, "block_out_channels": [128, 256, 512, 512], "layers_per_block": 2}
    (base / "vae/config.json").write_text(json.dumps(vae))
    change(base / "text_encoder/config.json", max_position_embeddings=77)
    assert read_architecture(base) is SD14
    # Stable Diffusion 2
    change(base / "unet/config.json", cross_attention_dim=1024, attention_head_dim=[5, 10, 20, 20])
    with pytest.raises(ModelError, match="is no Stable Diffusion v1: attention_head_dim of its unet is"):
        read_architecture(base)
    change(base / "unet/config.json", use_linear_projection=True)
    with pytest.raises(ModelError, match="use_linear_projection of its unet is True in place of False"):
        read_architecture(base, any_size=True)


def test_other_sizes_are_refused_unless_asked_for(whole):
    with pytest.raises(ModelError, match=r"is no Stable Diffusion v1: block_out_channels .* in place of \[320"):
        new_model(whole, STREET_9, "rgb", "m")


@pytest.mark.parametrize(
    ("missing", "complaint"),
    [
        ("unet/config.json", "it has no unet/config.json"),
        ("vae/diffusion_pytorch_model.safetensors", "it has no vae/diffusion_pytorch_model.safetensors"),
        ("text_encoder/model.safetensors", "its text_encoder cannot be read"),
        ("tokenizer/vocab.json", "its tokenizer cannot be read|its tokenizer has words"),
    ],
)
def test_a_base_that_lacks_a_part_is_one_line(missing, complaint, base, tmp_path):
    (base / missing).unlink()
    with pytest.raises(ModelError, match=complaint) as error:
        new_model(base, STREET_9, "rgb", "m", any_size=True)
    assert "\n" not in str(error.value) and str(base) in str(error.value)


def test_weights_of_another_network_than_the_config_says_are_told(base):
    change(base / "unet/config.json", layers_per_block=2)
    with pytest.raises(ModelError, match=r"does not hold the weights that its unet/config\.json describes"):
        new_model(base, STREET_9, "rgb", "m", any_size=True)
    change(base / "unet/config.json", layers_per_block="two")
    with pytest.raises(ModelError, match=r"makes no network of this kind: .*unet_layers_per_block"):
        new_model(base, STREET_9, "rgb", "m", any_size=True)


def test_a_text_encoder_of_another_network_is_told(base):
    encoder = CLIPTextModel.from_pretrained(base / "text_encoder")
    wider = type(encoder.config)(**{**encoder.config.to_dict(), "hidden_size": WIDTH + 4})
    CLIPTextModel(wider).save_pretrained(base / "text_encoder")
    with pytest.raises(ModelError, match=rf"gives \({TOKENS}, {WIDTH + 4}\) values for a prompt"):
        new_model(base, STREET_9, "rgb", "m", any_size=True)
    tensors = load_file(base / "text_encoder/model.safetensors")
    save_file(dict(list(tensors.items())[1:]), base / "text_encoder/model.safetensors", {"format": "pt"})
    with pytest.raises(ModelError, match="its text_encoder lacks weights"):
        new_model(base, STREET_9, "rgb", "m", any_size=True)


_FIND = """
import sys
from madm_model.checkpoint.hub import find_base
from madm_model.model_config import ModelError
for name in sys.argv[1:]:
    try:
        print(find_base(name))
    except ModelError as error:
        print("error:", error)
"""


def test_a_repository_is_fetched_once_and_found_again_offline(whole, tmp_path):
    (whole / "unet/diffusion_pytorch_model.bin").write_bytes(b"not needed")
    (whole / "safety_checker").mkdir(exist_ok=True)
    (whole / "safety_checker/model.safetensors").write_bytes(b"not needed")
    environment = os.environ | {"HF_HOME": str(tmp_path / "hub"), "HF_HUB_DISABLE_XET": "1", "HF_HUB_OFFLINE": "0"}

    def find(*names: str, **variables: str) -> list[str]:
        # The hub's client reads its environment once, when it is imported.
        command = [sys.executable, "-c", _FIND, *names]
        found = subprocess.run(command, env=environment | variables, capture_output=True, text=True, timeout=120)
        return found.stdout.splitlines()

    with Hub(whole) as hub:
        folder, unknown = find("someone/mini", "someone/else", HF_ENDPOINT=hub.endpoint)
        assert unknown.startswith("error: there is no folder someone/else, and the repository of that name cannot be")
        needed = {"unet", "vae", "text_encoder", "tokenizer"}
        assert {name.split("/")[0] for name in hub.asked} == needed
        assert not any(name.endswith(".bin") for name in hub.asked)
    for name in ("unet/config.json", "vae/diffusion_pytorch_model.safetensors", "tokenizer/vocab.json"):
        assert (Path(folder) / name).read_bytes() == (whole / name).read_bytes()
    again, missing = find("someone/mini", "someone/other", HF_ENDPOINT=hub.endpoint, HF_HUB_OFFLINE="1")
    assert again == folder
    assert missing.startswith("error: there is no folder someone/other")


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        (("--modality", "radar"), "unknown modality 'radar'"),
        (("--classes", "street12"), "there are no classes 'street12'"),
        ((), "exists already"),
    ],
)
def test_what_can_be_told_before_is_told_before_anything_is_fetched(options, complaint, tmp_path, monkeypatch):
    monkeypatch.setattr("madm_model.checkpoint.new_model.find_base", lambda _name: pytest.fail("it was fetched"))
    out = tmp_path if not options else tmp_path / "model"
    result = run("--base", "someone/mini", "--classes", "street9", "--out", out, *options)
    assert result.exit_code == 1 and complaint in result.stderr


@pytest.mark.parametrize("name", ["nowhere", "/nowhere/at-all", "./nowhere"])
def test_a_name_that_is_no_repository_is_not_looked_up(name):
    with pytest.raises(ModelError, match=r"there is no folder .*nowhere.*: give one of Stable"):
        find_base(name)
