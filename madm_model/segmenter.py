# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""The one door to a trained network: images in, class ids and confidence out."""

from __future__ import annotations

import gc
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from madm_model.checkpoint.model_folder import load_model
from madm_model.labels import IGNORE
from madm_model.model_config import ModelConfig, ModelError, network_size
from madm_model.network import MADM
from madm_model.network.folding import fold_constants
from madm_model.network.stage_timer import StageTimer
from madm_model.placement import INTEL_DEVICES, choose_device, choose_dtype, dtype_name
from madm_model.runtimes.cache import CompiledCache
from madm_model.runtimes.opening import open_runtime, runtime_named
from madm_model.runtimes.runtime import Runtime
from madm_model.runtimes.torch_runtime import TorchRuntime
from madm_model.students.swiftnet import SwiftNet


class NotFiniteError(ModelError):
    """The network's scores are not finite: its weights are damaged, or the number format is too narrow for them."""


@dataclass(frozen=True)
class Segmentation:
    """What the network says about one image of H by W pixels."""

    labels: np.ndarray
    """Class ids, uint8 (H, W)."""
    confidence: np.ndarray
    """Probability of that class, uint8 (H, W), 255 = certain."""


class Segmenter:
    """Segments images of any size with a network of a fixed or area-bound input size.

    Args:
        network: in evaluation mode, on `device`, in `dtype`; not changed. MADM, or whatever maps (B, 3, h, w) in
            [-1, 1] to an object with `logits` (B, K, h', w') of any size, as students do.
        config: describes the network.
        device: where the network is.
        dtype: what it computes in.
        runtime: runs it; None: PyTorch does.
    """

    def __init__(
        self,
        network: nn.Module,
        config: ModelConfig,
        device: torch.device | str,
        dtype: torch.dtype,
        runtime: Runtime | None = None,
    ) -> None:
        self.config = config
        self.device = torch.device(device)
        self._network: nn.Module | None = network
        self._runtime = runtime or TorchRuntime(network, dtype)

    @classmethod
    def from_folder(
        cls, folder: str | Path, device: str = "auto", dtype: str = "auto", runtime: str = "torch"
    ) -> Segmenter:
        """Load a model folder for inference.

        Args:
            folder: the folder, or the name of the embedded model.
            device: "cpu", "cuda", "cuda:1", ...; "auto" takes CUDA where there is one. "gpu" and "npu" are Intel's,
                through OpenVINO.
            dtype: "float32", "float16" or "bfloat16"; "auto" as `auto_dtype` says, and in OpenVINO bfloat16 on a CPU
                that computes it.
            runtime: "torch", "compiled", "openvino" or "onnx"; "auto" is the quickest of those that are installed,
                measured at the first image and remembered: seconds to a minute that only a long run earns back.

        Raises:
            ModelError: the model cannot be read, or device, dtype or runtime cannot be had.
        """
        runtime = runtime_named(runtime)
        target = "cpu"
        if device in INTEL_DEVICES:
            if runtime not in ("auto", "openvino"):
                raise ModelError(f"device '{device}' is for runtime openvino, not {runtime}")
            device, target, runtime = "cpu", device, "openvino"
        chosen_device = choose_device(device)
        choose_dtype(dtype, chosen_device)
        network, config = load_model(folder, chosen_device, dtype=None)  # the cast comes after the folding
        cache = CompiledCache(None) if runtime == "torch" else CompiledCache.of_model(folder)
        return cls.from_network(network, config, chosen_device, dtype, runtime, cache, target)

    @classmethod
    def from_network(
        cls,
        network: nn.Module,
        config: ModelConfig,
        device: torch.device,
        dtype: str,
        runtime: str = "torch",
        cache: CompiledCache | None = None,
        target: str = "cpu",
    ) -> Segmenter:
        """Make a network ready for inference: it is moved, frozen and folded; do not train it after.

        Args:
            network: maps (B, 3, h, w) in [-1, 1] to an object with `logits` (B, K, h', w').
            config: describes the network.
            device: where it shall run.
            dtype: what it shall compute in, as in `from_folder`.
            runtime: what shall run it, as in `from_folder`.
            cache: of its weights; None: what is compiled is not kept.
            target: the device within OpenVINO.

        Raises:
            ModelError: device, dtype or runtime cannot be had.
        """
        chosen, runtime = choose_dtype(dtype, device), runtime_named(runtime)
        network = network.eval().requires_grad_(False)
        # In float32: what half precision rounds off running statistics would be multiplied into every weight.
        if isinstance(network, MADM):
            fold_constants(network)
        elif isinstance(network, SwiftNet):
            network.float().fold_norms()
        stays_exact = device.type == "cpu" and runtime != "torch"  # other runtimes round from float32 by themselves
        network = network.to(device, torch.float32 if stays_exact else chosen).to(memory_format=torch.channels_last)
        opened = open_runtime(runtime, network, device, dtype, chosen, cache or CompiledCache(None), target)
        return cls(network, config, device, chosen, opened)

    @property
    def dtype(self) -> torch.dtype:
        """What the network computes in."""
        return self._runtime.dtype

    @property
    def runtime(self) -> str:
        """What runs the network, and in which number format: "openvino float32"."""
        return f"{self._runtime.name} {dtype_name(self.dtype)}"

    @property
    def largest_batch(self) -> int:
        """Images that gain by running together, of what runs the network."""
        return self._runtime.largest_batch

    @torch.inference_mode()
    def segment(
        self, images: Sequence[np.ndarray], biases: Sequence[np.ndarray | None] | None = None
    ) -> list[Segmentation]:
        """Segment a batch.

        Args:
            images: uint8 (H, W, 3) as the modality's preprocessing gives them; sizes may differ, and images of the
                same size run through the network together.
            biases: of each image, what is added to the scores of the classes before one is chosen, float32 (K,) in
                nats, or None; confidence is that of the scores with it.

        Returns:
            One result per image, in the same order and at the image's size.

        Raises:
            ValueError: an image is not uint8 (H, W, 3) with at least one pixel.
            NotFiniteError: the network's scores are not finite.
            RuntimeError: the segmenter is closed.
        """
        by_size: dict[tuple[int, int], list[int]] = {}
        for index, image in enumerate(images):
            if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3 or image.size == 0:
                raise ValueError(f"image {index} is {image.dtype} {image.shape}, not uint8 (H, W, 3)")
            by_size.setdefault(image.shape[:2], []).append(index)
        results: dict[int, Segmentation] = {}
        for indices in by_size.values():
            added = [biases[index] for index in indices] if biases is not None else []
            results.update(zip(indices, self._segment_same_size([images[index] for index in indices], added)))
        return [results[index] for index in range(len(images))]

    @torch.inference_mode()
    def scores(self, image: np.ndarray) -> np.ndarray:
        """The scores that `segment` decides by, for whoever measures what another decision would find.

        Args:
            image: uint8 (H, W, 3).

        Returns:
            float32 (K, H, W).

        Raises:
            RuntimeError: the segmenter is closed.
        """
        return self._logits([image])[0].float().cpu().numpy()

    def warm_up(self, height: int, width: int) -> None:
        """Run once on a blank image of that size, so that the first real one is not the slow one.

        Raises:
            NotFiniteError: the network's scores are not finite.
        """
        self.segment([np.zeros((height, width, 3), np.uint8)])

    @property
    def has_stages(self) -> bool:
        """Whether the network's time can be split over its stages: it is MADM, and PyTorch runs it."""
        return isinstance(self._network, MADM) and isinstance(self._runtime, TorchRuntime)

    def stage_timer(self) -> StageTimer:
        """A timer that splits the network's time over its stages: `with segmenter.stage_timer() as timer: ...`.

        Raises:
            ValueError: the stages cannot be told apart: it is no MADM, or another runtime than PyTorch runs it.
        """
        if not self.has_stages:
            raise ValueError(f"only MADM in runtime torch has stages that can be timed, not {self.runtime}")
        return StageTimer(self._network)

    def close(self) -> None:
        """Give the network's memory back; `segment` cannot be called afterwards."""
        self._network = None
        self._runtime.close()
        # A network does not refer to itself and is gone without a garbage collection, which takes long. Its exported
        # graph does, and has the weights too.
        if not isinstance(self._runtime, TorchRuntime):
            gc.collect()
        if self.device.type == "cuda":
            torch.cuda.empty_cache()

    def _logits(self, images: list[np.ndarray]) -> torch.Tensor:
        """Scores of images of one size, (B, K, H, W); the caller may write over them."""
        if self._network is None:
            raise RuntimeError("this segmenter is closed")

        # 1. To the network's size, as bytes: quick on the CPU, and less to upload
        height, width = images[0].shape[:2]
        size = network_size(self.config, height, width)
        pixels = torch.from_numpy(np.stack(images)).permute(0, 3, 1, 2)  # (B, 3, H, W), channels last in memory
        if size != (height, width):
            pixels = F.interpolate(pixels, size=size, mode="bilinear", antialias=True)  # (B, 3, h, w)

        # 2. To the device and to [-1, 1]
        low, high = self.config.input_range
        batch = pixels.to(self.device).float().sub_(low).mul_(2 / (high - low)).sub_(1)  # (B, 3, h, w)

        # 3. Network, and its scores at the image's size; class by class in memory is quicker from here on
        logits = self._runtime(batch).contiguous()  # (B, K, h, w)
        if logits.shape[-2:] != (height, width):
            logits = F.interpolate(logits, size=(height, width), mode="bilinear", align_corners=False)  # (B, K, H, W)
        return logits

    def _segment_same_size(self, images: list[np.ndarray], biases: list[np.ndarray | None]) -> list[Segmentation]:
        # 1. to 3. Scores of every class
        logits = self._logits(images)  # (B, K, H, W)
        for scores, bias in zip(logits, biases):
            if bias is not None:
                scores += torch.from_numpy(bias).to(scores)[:, None, None]

        # 4. Best class, the first of equals; arithmetic on bytes is several times quicker than `argmax`
        best = logits.amax(dim=1, keepdim=True)  # (B, 1, H, W)
        ids = torch.arange(logits.shape[1], dtype=torch.uint8, device=self.device)[:, None, None]
        labels = IGNORE - ((logits == best) * (IGNORE - ids)).amax(dim=1)  # (B, H, W)

        # 5. Its softmax probability, 1 / sum(exp(l - max l)), written over the logits
        probability = logits.sub_(best).exp_().sum(dim=1, dtype=torch.float32).reciprocal_()  # (B, H, W)
        finite = probability.sum().isfinite()  # one that is not makes its pixel's probability NaN, and so the sum
        confidence = probability.mul_(255).round_().to(torch.uint8)
        if not finite:
            raise NotFiniteError(_not_finite_advice(self.dtype))
        return [Segmentation(*result) for result in zip(labels.cpu().numpy(), confidence.cpu().numpy())]


def _not_finite_advice(dtype: torch.dtype) -> str:
    name = dtype_name(dtype)
    narrow = "set precision to bfloat16 or float32, or " if dtype == torch.float16 else ""
    return (
        f"the network's scores are not finite in {name}: {narrow}use another model or version, its weights may be NaN"
    )
