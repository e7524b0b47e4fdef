# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""The head's BatchNorm statistics, taken anew once the weights are trained.

In training they follow batches of source and mixed images; what a robot runs sees the target alone. A small network
feels the difference, so they can be taken from the target (Li et al., "Adaptive Batch Normalization", 2018). The mean
of many steps' weights has none of its own: batches of source and target together give it what it was trained with.
Neither the paper nor the released code does it.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import numpy as np
import torch
from torch import nn

from madm_model.adaptation.config import AdaptationConfig
from madm_model.adaptation.data.batches import AdaptationData, target_images
from madm_model.network.madm import MADM


def renew_norm_statistics(network: MADM, data: AdaptationData, config: AdaptationConfig) -> None:
    """Take them from as many batches as configured, always the same ones; 0 and 0 leaves them."""
    targets, sources, device = config.target_norm_batches, config.source_norm_batches, network.shared_noise.device
    if not targets and not sources:
        return
    rng = np.random.default_rng([config.seed, config.iterations])
    of_source = (data.source(rng).images.to(device, non_blocking=True) for _ in range(sources))
    take_norm_statistics(network, itertools.chain(target_images(data, rng, targets, device), of_source))


@torch.no_grad()
def take_norm_statistics(network: MADM, batches: Iterable[torch.Tensor]) -> None:
    """Replace every running mean and variance of the head by the mean over batches; weights stay.

    Args:
        network: in any mode, left in that mode.
        batches: images (B, 3, H, W) in [-1, 1], on the network's device.
    """
    norms = [module for module in network.head.modules() if isinstance(module, nn.BatchNorm2d)]
    momenta = [norm.momentum for norm in norms]
    with evaluating(network):
        for norm in norms:
            norm.reset_running_stats()
            norm.momentum = None  # the plain mean over all batches
            norm.train()
        try:
            for images in batches:
                network(images)
        finally:
            for norm, momentum in zip(norms, momenta):
                norm.momentum = momentum


@contextmanager
def evaluating(network: nn.Module) -> Iterator[None]:
    """Have a network in evaluation mode for a while; every module is put back into its own."""
    modes = [(module, module.training) for module in network.modules()]
    network.eval()
    try:
        yield
    finally:
        for module, mode in modes:
            module.training = mode
