# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""What is exported runs without this project, says what it is, and gives PyTorch's labels, or is not written."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from adaptation_samples import MINIATURE
from diffusers.models.upsampling import Upsample2D
from runtime_samples import needs_onnx, needs_openvino, save
from typer.testing import CliRunner

from madm_model.checkpoint.model_folder import load_model
from madm_model.cli.app import app
from madm_model.labels import STREET_11
from madm_model.model_config import ModelError
from madm_model.runtimes import file_export
from madm_model.runtimes.file_export import ImageToLabels, export_model
from madm_model.runtimes.openvino_runtime import import_openvino
from madm_model.runtimes.runtime import export_graph
from madm_model.segmenter import Segmenter
from madm_model.students.architecture import SwiftNetArchitecture

SWIFTNET = SwiftNetArchitecture("small", (8, 8, 8, 8), (1, 1, 1, 1), 8)
MADM_SMALL = replace(MINIATURE, unet_layers_per_block=1, vae_layers_per_block=1)
IMAGES = np.random.default_rng(0).integers(0, 256, (3, 4, 6, 3), np.uint8).repeat(16, axis=1).repeat(16, axis=2)


@pytest.fixture(scope="module")
def swiftnet(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save(tmp_path_factory.mktemp("swiftnet"), SWIFTNET)


def check(folder: Path, labels: np.ndarray, confidence: np.ndarray) -> None:
    assert labels.dtype == confidence.dtype == np.uint8
    expected = Segmenter.from_folder(folder, "cpu", runtime="torch").segment(list(IMAGES[: len(labels)]))
    assert (labels == np.stack([result.labels for result in expected])).mean() > 0.999
    off = confidence.astype(int) - np.stack([result.confidence for result in expected])
    assert np.abs(off).max() <= 1


@needs_onnx
def test_an_onnx_file_takes_any_number_of_images(swiftnet: Path, tmp_path: Path) -> None:
    import onnx
    import onnxruntime

    out = tmp_path / "new" / "model.onnx"
    result = CliRunner().invoke(app, ["export", str(swiftnet), "--batch", "0", "--out", str(out)])
    assert result.exit_code == 0, result.output
    assert "% of the labels of a few images are PyTorch's" in result.output
    assert [file.name for file in out.parent.iterdir()] == ["model.onnx"]
    session = onnxruntime.InferenceSession(str(out), providers=["CPUExecutionProvider"])
    assert [(given.name, given.type) for given in session.get_inputs()] == [("images", "tensor(uint8)")]
    for count in (1, 3):
        labels, confidence = session.run(["labels", "confidence"], {"images": IMAGES[:count]})
        check(swiftnet, labels, confidence)
    # TensorRT takes bytes only to make floats of them, and makes them only of floats.
    graph = onnx.load(out).graph
    made_by = {name: node for node in graph.node for name in node.output}
    assert {node.op_type for node in graph.node if "images" in node.input} <= {"Cast", "Shape"}
    casts = [made_by[name] for name in ("labels", "confidence")]
    assert [node.op_type for node in casts] == ["Cast", "Cast"]
    assert made_by[casts[0].input[0]].op_type == "Cast"  # of the index to float
    told = session.get_modelmeta().custom_metadata_map
    assert json.loads(told["classes"]) == list(STREET_11.names)
    assert told["modality"] == "thermal" and "uint8 (N, 64, 96, 3), thermal intensity" in told["input"]
    again = CliRunner().invoke(app, ["export", str(swiftnet), "--out", str(out)])
    assert again.exit_code == 1 and "is there already" in " ".join(again.output.split())


@needs_openvino
def test_an_openvino_file(swiftnet: Path, tmp_path: Path) -> None:
    openvino = import_openvino()
    written = export_model(swiftnet, tmp_path / "model.xml", "openvino")
    assert written.agreement > 0.999
    assert {file.name for file in tmp_path.iterdir()} == {"model.xml", "model.bin"}
    model = openvino.Core().read_model(tmp_path / "model.xml")
    assert model.get_rt_info(["madm", "name"]).astype(str) == "small"
    result = openvino.Core().compile_model(model, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})(IMAGES[:1])
    check(swiftnet, result["labels"], result["confidence"])


def test_madms_upsampling_takes_any_number_of_images_in_one_graph() -> None:
    upsampling, images = Upsample2D(4, use_conv=True), torch.rand(2, 4, 3, 3)
    graph = export_graph(upsampling.eval(), images, file_export._dynamic(any_batch=True))
    assert graph.module()(torch.rand(3, 4, 3, 3)).shape == (3, 4, 6, 6)


def test_madm_is_one_whole_graph(tmp_path: Path) -> None:
    """What every exporter begins with; to go all the way with it takes half a minute, and `madm export` checks it."""
    network, config = load_model(save(tmp_path, MADM_SMALL))
    segmenter = Segmenter.from_network(network, config, torch.device("cpu"), "float32")
    graph = export_graph(ImageToLabels(network, config.input_range).eval(), torch.from_numpy(IMAGES[:1]))
    labels, _ = graph.module()(torch.from_numpy(IMAGES[1:2]))
    (expected,) = segmenter.segment([IMAGES[1]])
    assert (labels[0].numpy() == expected.labels).mean() > 0.999


def test_nothing_is_written_that_gives_other_labels(swiftnet: Path, tmp_path: Path, monkeypatch) -> None:
    def wrong(graph, images, any_batch, metadata, path):
        path.write_bytes(b"a graph")
        return lambda batch: (np.full(batch.shape[:3], 3, np.uint8),) * 2

    monkeypatch.setattr(file_export, "_write_onnx", wrong)
    with pytest.raises(ModelError, match=r"nothing is written: only .* % of the labels"):
        export_model(swiftnet, tmp_path / "model.onnx", "onnx")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("model.xml", "onnx"), "a file of onnx ends in .onnx, not 'model.xml'"),
        (("model.onnx", "tflite"), "unknown format 'tflite': use onnx or openvino"),
        (("model.onnx", "onnx", 0), "a batch has at least one image"),
        (("model.onnx", "onnx", 1, (64, 100)), "size 64x100 does not fit: .* multiples of 32"),
    ],
)
def test_what_makes_no_sense(swiftnet: Path, tmp_path: Path, arguments, message) -> None:
    name, *rest = arguments
    with pytest.raises(ModelError, match=message):
        export_model(swiftnet, tmp_path / name, *rest)
    result = CliRunner().invoke(app, ["export", str(swiftnet), "--out", str(tmp_path / "m.onnx"), "--size", "64"])
    assert result.exit_code == 1 and "size '64' is not HEIGHTxWIDTH" in result.output
