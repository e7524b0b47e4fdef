# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""Chooses the quickest runtime by measuring, once for a network's sizes and a machine."""

from __future__ import annotations

import gc
import logging
import time
from collections.abc import Callable, Mapping
from importlib.metadata import PackageNotFoundError, version

import torch
from torch import nn

from madm_model.io.user_cache import user_cache
from madm_model.model_config import ModelError
from madm_model.runtimes.cache import CompiledCache
from madm_model.runtimes.probe import LEAST_AGREEMENT, probe_images
from madm_model.runtimes.runtime import Runtime

_RUNS = 3
_LIBRARIES = ("torch", "openvino", "onnx", "onnxruntime")

logger = logging.getLogger(__name__)


class AutoRuntime:
    """The quickest of several runtimes; which one is decided at the first images.

    The decision is remembered for networks of the same sizes on this machine, so that versions of one model are not
    measured again; whether a runtime's labels agree with PyTorch's is looked at once for each network's weights.

    Args:
        makers: makes each by its name; `torch` is among them and the one that is right.
        network: what they run.
        precision: what was asked for.
        dtype: what that means in PyTorch.
        cache: of the network's weights.
    """

    def __init__(
        self,
        makers: Mapping[str, Callable[[], Runtime]],
        network: nn.Module,
        precision: str,
        dtype: torch.dtype,
        cache: CompiledCache,
    ) -> None:
        self._makers, self._dtype, self._cache = makers, dtype, cache
        self._remembered = CompiledCache(user_cache())
        libraries = [_version(name) for name in _LIBRARIES]
        shapes = [(name, tuple(tensor.shape)) for name, tensor in network.state_dict().items()]
        self._made_of = "auto", *libraries, *makers, precision, str(torch.get_num_threads()), str(shapes)
        self._chosen: Runtime | None = None

    @property
    def name(self) -> str:
        """Of the one that was chosen; auto before."""
        return self._chosen.name if self._chosen else "auto"

    @property
    def dtype(self) -> torch.dtype:
        """Of the one that was chosen; PyTorch's before."""
        return self._chosen.dtype if self._chosen else self._dtype

    @property
    def largest_batch(self) -> int:
        """Of the one that was chosen; one image before."""
        return self._chosen.largest_batch if self._chosen else 1

    def __call__(self, images: torch.Tensor) -> torch.Tensor:
        """Class scores; see `Runtime`."""
        if self._chosen is None:
            self._chosen = self._choose(images)
        return self._chosen(images)

    def close(self) -> None:
        """Give the memory back."""
        self._makers = {}  # they refer to the network
        if self._chosen is not None:
            self._chosen.close()

    def _choose(self, images: torch.Tensor) -> Runtime:
        device, shape = str(images.device), str(tuple(images.shape))
        kept = self._cache.read(*self._made_of, device)
        if kept is not None:  # these very weights have run in it
            try:
                return self._open(kept.decode(), images)
            except ModelError as error:
                logger.warning("%s", error)
        decided = self._remembered.read(*self._made_of, device, shape)
        if decided is None:
            logger.warning("runtimes are tried for this network, once on this machine: that can take a minute")
        quickest, runtime = self._quickest(images, [decided.decode()] if decided is not None else list(self._makers))
        if decided is None:
            self._remembered.write(quickest.encode(), *self._made_of, device, shape)
        self._cache.write(quickest.encode(), *self._made_of, device)
        return runtime

    def _open(self, name: str, images: torch.Tensor) -> Runtime:
        runtime = self._makers[name]()
        try:
            runtime(images)  # loads or makes what is compiled
        except BaseException:
            runtime.close()
            raise
        return runtime

    def _quickest(self, images: torch.Tensor, names: list[str]) -> tuple[str, Runtime]:
        """Of these and torch; where torch and one more can be had and that was decided before, nothing is measured."""
        blobs = probe_images(len(images), tuple(images.shape[-2:])).to(images.device)
        found = {"torch": self._makers["torch"]()}
        labels = found["torch"](blobs).argmax(dim=1)
        for name in names:
            if name == "torch":
                continue
            try:
                runtime = self._open(name, blobs)
                agreement = (runtime(blobs).argmax(dim=1) == labels).float().mean().item()
            except ModelError as error:
                logger.warning("runtime %s is left out: %s", name, error)
                continue
            if agreement < LEAST_AGREEMENT:
                share = f"{100 * agreement:.1f} %"
                logger.warning("runtime %s is left out: %s of its labels agree with PyTorch's", name, share)
                runtime.close()
            else:
                found[name] = runtime
        if len(names) == 1:  # decided before
            quickest = names[0] if names[0] in found else "torch"
        else:
            seconds = _seconds(found, blobs)
            quickest = min(seconds, key=seconds.__getitem__)
        for name, runtime in found.items():
            if name != quickest:
                runtime.close()
        gc.collect()  # see Segmenter.close
        return quickest, found[quickest]


def _seconds(runtimes: Mapping[str, Runtime], images: torch.Tensor) -> dict[str, float]:
    """The fastest run of each, one after the other in turn, so that a busy moment hits all alike."""
    seconds = dict.fromkeys(runtimes, float("inf"))
    for _ in range(_RUNS):
        for name, runtime in runtimes.items():
            started = time.perf_counter()
            runtime(images)
            if images.is_cuda:
                torch.cuda.synchronize()
            seconds[name] = min(seconds[name], time.perf_counter() - started)
    logger.info("%s", ", ".join(f"{name} {1000 * value:.1f} ms" for name, value in seconds.items()))
    return seconds


def _version(library: str) -> str:
    try:
        return version(library)
    except PackageNotFoundError:
        return ""
