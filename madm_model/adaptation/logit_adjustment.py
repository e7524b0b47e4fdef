# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""Logit adjustment: scores as if all classes had the same share (Menon et al., "Long-tail learning via logit
adjustment", ICLR 2021).

A network that learned from streets has learned that persons are rare, and where it is unsure, as it is of another
sensor's images, it takes the common class. A bias of the classifier, -strength ln(share), takes back a part of that.
It is added before the training and taken off in the losses, so that the network does not learn to undo it. The teacher
may label with it, and the network then learns these labels with it.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import torch

from madm_model.adaptation.config import AdaptationConfig
from madm_model.adaptation.data.batches import AdaptationData, target_images
from madm_model.adaptation.target_norm import evaluating
from madm_model.network.madm import MADM
from madm_model.training.precision import autocast

_PRIOR_BATCHES = 16
"""Target batches whose labels tell how common the classes are."""

_LEAST_SHARE = 1e-3
"""A class with less counts as if it had this: a handful of pixels tells no share."""


def configured_bias(network: MADM, data: AdaptationData, config: AdaptationConfig) -> np.ndarray:
    """What a training's logit adjustment adds to the scores of the network that it starts from: float32 (K,)."""
    if not config.logit_adjustment:
        return np.zeros(network.num_classes, np.float32)
    if config.logit_prior == "source":
        return class_bias(config.logit_adjustment, data.class_shares())
    device = network.shared_noise.device
    with autocast(device, config.resources.precision):
        batches = target_images(data, np.random.default_rng(config.seed), _PRIOR_BATCHES, device)
        return class_bias(config.logit_adjustment, label_shares(network, batches))


def class_bias(strength: float, shares: np.ndarray) -> np.ndarray:
    """What logit adjustment adds to the scores.

    Args:
        strength: 0 none, 1 the whole prior.
        shares: (K,), share of the pixels that every class has, or anything in proportion to it.

    Returns:
        float32 (K,) in nats, 0 for the commonest class, more for others; 0 for a class without any pixel, of which the
        source says nothing.
    """
    share = shares / max(shares.sum(), 1e-12)
    bias = -strength * np.log(np.clip(share, _LEAST_SHARE, None))
    bias -= bias[share.argmax()]
    return np.where(share > 0, bias, 0.0).astype(np.float32)


@torch.no_grad()
def label_shares(network: MADM, batches: Iterable[torch.Tensor]) -> np.ndarray:
    """How often a network gives each class.

    Args:
        network: in any mode, left in that mode.
        batches: images (B, 3, H, W) in [-1, 1], on the network's device.

    Returns:
        float64 (K,), which add up to 1.
    """
    counts = np.zeros(network.num_classes)
    with evaluating(network):
        for images in batches:
            labels = network(images).logits.argmax(dim=1)  # (B, H, W)
            counts += torch.bincount(labels.flatten(), minlength=network.num_classes).cpu().numpy()
    return counts / counts.sum()


@torch.no_grad()
def add_class_bias(network: MADM, bias: np.ndarray) -> None:
    """Add a bias (K,) to the classifier's."""
    own = network.head.classifier.bias
    own += torch.from_numpy(bias).to(own)
