# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""The node with real networks, good and broken ones."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("rclpy", reason="ROS 2's rclpy is not installed")

import torch
from lifecycle_msgs.srv import GetState
from rclpy.parameter import Parameter
from ros_helpers import image_message, pixels_of, wait_until
from sensor_msgs.msg import Image

from madm_model.architecture import TINY
from madm_model.checkpoint.model_folder import save_model
from madm_model.labels import STREET_9
from madm_model.model_config import ModelConfig
from madm_model.network import MADM
from madm_ros.segmentation.node import load_segmenter

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model folder with random weights."""
    folder = tmp_path_factory.mktemp("model")
    torch.manual_seed(0)
    side = 2 * TINY.size_multiple
    config = ModelConfig("random", TINY, STREET_9, "thermal", (side, side), keep_aspect=True)
    save_model(folder, MADM(TINY, len(STREET_9)), config, torch.float16)
    return folder


def _with_truncated_weights(folder: Path) -> str:
    weights = folder / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:100_000])
    return str(weights)


def _with_too_few_classes(folder: Path) -> str:
    path = folder / "config.json"
    config = json.loads(path.read_text())
    config["classes"], config["palette"] = config["classes"][:5], config["palette"][:5]
    path.write_text(json.dumps(config))
    return "head"


def _without_weights(folder: Path) -> str:
    (folder / "model.safetensors").unlink()
    return "model.safetensors"


def test_a_network_labels_images_of_any_size(peer, start_node, model: Path) -> None:
    start_node(load_segmenter, model=str(model), device="cpu")
    labels = peer.collect(Image, "/segmentation_node/labels")
    publisher = peer.publisher(Image, "/image")
    picture = np.random.default_rng(0).integers(7000, 12000, (75, 133), np.uint16)
    sent = image_message(picture, "mono16")
    peer.send(publisher, sent, lambda: labels)
    assert labels[0].header == sent.header
    assert pixels_of(labels[0]).shape == (75, 133)
    assert pixels_of(labels[0]).max() < len(STREET_9)


@pytest.mark.parametrize("spoil", [_with_truncated_weights, _with_too_few_classes, _without_weights])
def test_a_broken_model_fails_configure_with_one_message(
    start_node, errors, model: Path, tmp_path: Path, spoil
) -> None:
    broken = tmp_path / "broken"
    shutil.copytree(model, broken)
    words = spoil(broken)
    node = start_node(load_segmenter, bring_up=False, model=str(broken), device="cpu")
    assert not node.bring_up()
    wait_until(errors, "an error in the log")
    assert len(errors()) == 1
    assert errors()[0].startswith("cannot configure: ")
    assert words in errors()[0]
    node.set_parameters([Parameter("model", value=str(model))])
    assert node.bring_up()


def test_a_device_that_is_not_there(start_node, errors, model: Path) -> None:
    node = start_node(load_segmenter, bring_up=False, model=str(model), device="cuda:77")
    assert not node.bring_up()
    assert len(errors()) == 1
    assert "cuda:77" in errors()[0]


def test_the_process_lives_on_without_its_model_and_ends_on_interrupt(peer) -> None:
    # A name of its own: a request to the node of the test before, not yet forgotten by DDS, would get no answer.
    arguments = ["--ros-args", "-r", "__node:=without_model", "-p", "model:=nowhere"]
    command = [sys.executable, "-m", "madm_ros.segmentation.node", *arguments]
    process = subprocess.Popen(command, cwd=ROOT, env=os.environ.copy(), stderr=subprocess.PIPE, text=True)
    try:
        state = peer.call(GetState, "/without_model/get_state", GetState.Request(), timeout_s=120)
        assert state.current_state.label == "unconfigured"
        assert process.poll() is None
    finally:
        process.send_signal(signal.SIGINT)
        _, log = process.communicate(timeout=30)
    assert process.returncode == 0, log
    assert log.count("[ERROR]") == 1
    assert "cannot configure: there is no model folder nowhere" in log
