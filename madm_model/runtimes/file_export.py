# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""Writes a model as one file that others run without this project: uint8 images in, uint8 labels and confidence out."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from madm_model.checkpoint.model_folder import load_model
from madm_model.io.durable import publish
from madm_model.model_config import ModelConfig, ModelError
from madm_model.runtimes.probe import LEAST_AGREEMENT, probe_images
from madm_model.segmenter import Segmenter

FORMATS = {"onnx": ".onnx", "openvino": ".xml"}
"""Formats and how their files' names end."""
INPUT, OUTPUTS = "images", ("labels", "confidence")
"""Names of the graph's tensors."""
_CHECKED_IMAGES = 3

Run = Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]
"""Images to labels and confidence, as the file computes them."""


@dataclass(frozen=True)
class Export:
    """What was written."""

    path: Path
    """The file; what it refers to lies beside it."""
    agreement: float
    """Share of the pixels of a few images that get PyTorch's label, 0 to 1."""
    metadata: dict[str, str]
    """What the file says about itself."""


class ImageToLabels(nn.Module):
    """A network with what is before and after it in a Segmenter, for images of the network's size.

    Args:
        network: in evaluation mode.
        input_range: pixel values that map to -1 and 1.
    """

    def __init__(self, network: nn.Module, input_range: tuple[float, float]) -> None:
        super().__init__()
        self.network, self.input_range = network, input_range

    def forward(self, images: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """uint8 (N, H, W, 3) to class ids and the probability of that class (255 = certain), uint8 (N, H, W) each."""
        low, high = self.input_range
        # Bytes become floats first and floats become bytes last: TensorRT does nothing else with bytes.
        batch = images.float().permute(0, 3, 1, 2).sub(low).mul(2 / (high - low)).sub(1)  # (N, 3, H, W)
        logits = self.network(batch).logits
        logits = functional.interpolate(logits, batch.shape[-2:], mode="bilinear", align_corners=False)  # (N, K, H, W)
        confidence = logits.softmax(dim=1).amax(dim=1)  # (N, H, W)
        return logits.argmax(dim=1).float().to(torch.uint8), confidence.mul(255).round().to(torch.uint8)


def export_model(
    model: str | Path, out: Path, file_format: str, batch: int | None = 1, size: tuple[int, int] | None = None
) -> Export:
    """Write a model in another format, check it against PyTorch and only then give it its name.

    Args:
        model: model folder, or an embedded model's name.
        out: the file; must not exist. OpenVINO's weights get its name with .bin, large ones of ONNX with .data.
        file_format: one of `FORMATS`.
        batch: images at once; None: any number.
        size: height and width of the images, multiples of the network's; None: the model's own.

    Raises:
        ModelError: the model cannot be read, format, name, size or batch make no sense, what is needed is not
            installed, or the file would give other labels than PyTorch.
        OSError: it cannot be written.
    """
    if file_format not in FORMATS:
        raise ModelError(f"unknown format '{file_format}': use {' or '.join(FORMATS)}")
    if out.suffix != FORMATS[file_format]:
        raise ModelError(f"a file of {file_format} ends in {FORMATS[file_format]}, not '{out.name}'")
    if out.exists():
        raise ModelError(f"{out} is there already: remove it, or choose another name")
    if batch is not None and batch < 1:
        raise ModelError(f"a batch has at least one image, not {batch}")
    network, config = load_model(model)
    size = size or config.input_size
    multiple = config.architecture.size_multiple
    if any(side < multiple or side % multiple for side in size):
        raise ModelError(f"size {size[0]}x{size[1]} does not fit: height and width have to be multiples of {multiple}")
    segmenter = Segmenter.from_network(network, config, torch.device("cpu"), "float32")
    graph = ImageToLabels(network, config.input_range).eval()
    images = torch.zeros((batch or 2, *size, 3), dtype=torch.uint8)
    metadata = describe(config, size, batch)

    write = _write_onnx if file_format == "onnx" else _write_openvino
    unfinished = out.with_name(f".{out.name}.unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        unfinished.mkdir()
        run = write(graph, images, batch is None, metadata, unfinished / out.name)
        agreement = _agreement(run, segmenter, batch or 2, size)
        if agreement < LEAST_AGREEMENT:
            raise ModelError(
                f"nothing is written: only {100 * agreement:.2f} % of the labels of what was exported are PyTorch's"
            )
        files = sorted(unfinished.iterdir(), key=lambda file: file.name == out.name)
        for file in files:  # the one that refers to the others comes last
            publish(file, out.with_name(file.name))
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
    return Export(out, agreement, metadata)


def describe(config: ModelConfig, size: tuple[int, int], batch: int | None) -> dict[str, str]:
    """What a file says about itself: texts by name."""
    count = "N" if batch is None else batch
    return {
        "name": config.name,
        "modality": config.modality,
        "input": f"{INPUT}: uint8 ({count}, {size[0]}, {size[1]}, 3), {_INPUTS[config.modality]}",
        "output": f"{OUTPUTS[0]}: uint8 ({count}, {size[0]}, {size[1]}), index into classes; "
        f"{OUTPUTS[1]}: the same, probability of that class, 255 = certain",
        "classes": json.dumps(list(config.label_set.names)),
        "palette": json.dumps([list(colour) for colour in config.label_set.palette]),
        "height": str(size[0]),
        "width": str(size[1]),
    }


_INPUTS = {
    "rgb": "RGB, 0 to 255",
    "thermal": "thermal intensity after gain control in three equal channels, warm is bright",
    "depth": "depth as grey in three equal channels, as madm_model.modalities.depth makes it",
    "event": "an edge frame of events in three equal channels, white on black",
}


def _write_onnx(graph: nn.Module, images: torch.Tensor, any_batch: bool, metadata: dict[str, str], path: Path) -> Run:
    from madm_model.runtimes.onnx_runtime import ONE_FILE_BYTES, import_onnxruntime, to_onnx

    onnxruntime = import_onnxruntime()
    program = to_onnx(graph, images, _dynamic(any_batch), [INPUT], list(OUTPUTS))
    program.model.metadata_props.update(metadata)
    weights = sum(tensor.nbytes for tensor in graph.state_dict().values())
    program.save(str(path), external_data=weights > ONE_FILE_BYTES)
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    return lambda batch: tuple(session.run(list(OUTPUTS), {INPUT: batch}))


def _write_openvino(
    graph: nn.Module, images: torch.Tensor, any_batch: bool, metadata: dict[str, str], path: Path
) -> Run:
    from madm_model.runtimes.openvino_runtime import import_openvino, import_openvino_core, to_openvino

    model = to_openvino(graph, images, _dynamic(any_batch))
    model.reshape([-1 if any_batch else images.shape[0], *images.shape[1:]])
    model.inputs[0].get_tensor().set_names({INPUT})
    for output, name in zip(model.outputs, OUTPUTS):
        output.get_tensor().set_names({name})
    for name, text in metadata.items():
        model.set_rt_info(text, ["madm", name])
    import_openvino().save_model(model, path, compress_to_fp16=False)
    compiled = import_openvino_core().compile_model(path, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})

    def run(batch: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        result = compiled(batch)
        return result[OUTPUTS[0]], result[OUTPUTS[1]]

    return run


def _dynamic(any_batch: bool) -> tuple[dict[int, torch.export.Dim]] | None:
    # diffusers' upsampling takes another way from 64 images on, which one graph cannot hold.
    return ({0: torch.export.Dim("batch", min=1, max=63)},) if any_batch else None


def _agreement(run: Run, segmenter: Segmenter, batch: int, size: tuple[int, int]) -> float:
    """Share of the labels that are PyTorch's."""
    count = -(-_CHECKED_IMAGES // batch) * batch
    pixels = probe_images(count, size).add(1).mul(127.5).round().to(torch.uint8)
    images = pixels.permute(0, 2, 3, 1).contiguous().numpy()
    found = np.concatenate([run(images[first : first + batch])[0] for first in range(0, count, batch)])
    expected = np.stack([result.labels for result in segmenter.segment(list(images))])
    return float((found == expected).mean())
