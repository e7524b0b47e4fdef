# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""Labels as colours, colours as latents, and back."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from madm_model.checkpoint.model_folder import load_model
from madm_model.labels import IGNORE, STREET_9, STREET_11
from madm_model.training.label_palette import encode_labels, label_images

# Specification section 9.6.
COLOURS_11 = {
    "sky": (70, 130, 180),
    "building": (70, 70, 70),
    "fence": (190, 153, 153),
    "person": (220, 20, 60),
    "pole": (153, 153, 153),
    "road": (128, 64, 128),
    "sidewalk": (244, 35, 232),
    "vegetation": (107, 142, 35),
    "vehicle": (0, 0, 142),
    "wall": (102, 102, 156),
    "traffic_sign": (250, 170, 30),
}
NAMES_9 = ("sky", "building", "person", "pole", "road", "sidewalk", "vegetation", "vehicle", "traffic_sign")


def as_bytes(images: torch.Tensor) -> np.ndarray:
    """Network images (B, 3, H, W) as uint8 (B, H, W, 3)."""
    return ((images + 1) * 127.5).round().clamp(0, 255).byte().permute(0, 2, 3, 1).numpy()


@pytest.mark.parametrize(
    "label_set, colours",
    [
        (STREET_11, list(COLOURS_11.values())),
        (STREET_9, [COLOURS_11[name] for name in NAMES_9]),
    ],
)
def test_every_class_has_its_colour_and_the_rest_is_black(label_set, colours) -> None:
    count = len(colours)
    labels = torch.tensor([[[*range(count), IGNORE, count]]])
    painted = label_images(labels, label_set)
    assert painted.shape == (1, 3, 1, count + 2)
    assert painted.dtype == torch.float32
    np.testing.assert_array_equal(as_bytes(painted)[0, 0], [*colours, (0, 0, 0), (0, 0, 0)])
    assert float(painted[0, 0, 0, count]) == -1.0


def test_a_latent_is_the_scaled_mean_of_the_autoencoder() -> None:
    network, _ = load_model("tiny-rgb")
    labels = torch.randint(0, 11, (2, 32, 48), generator=torch.Generator().manual_seed(1))
    latent = encode_labels(network.vae, 0.5, labels, STREET_11)
    with torch.no_grad():
        expected = network.vae.encode(label_images(labels, STREET_11)).latent_dist.mean
    torch.testing.assert_close(latent, 0.5 * expected)
    assert not latent.requires_grad


@pytest.mark.parametrize("class_id", range(11))
def test_a_plain_label_image_comes_back_in_its_colour(class_id) -> None:
    network, config = load_model("tiny-rgb")
    scaling = network.architecture.latent_scaling
    latent = encode_labels(network.vae, scaling, torch.full((1, 64, 64), class_id), STREET_11)
    with torch.no_grad():
        decoded = network.vae.decode(latent / scaling).sample
    colour = as_bytes(decoded)[0].reshape(-1, 3).mean(axis=0)
    distances = np.abs(np.array(config.label_set.palette) - colour).sum(axis=1)
    assert distances.argmin() == class_id
    assert distances[class_id] < 40
