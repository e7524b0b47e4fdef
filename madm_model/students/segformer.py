# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""SegFormer of transformers behind the interface that Segmenter and training expect."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import nn
from transformers import SegformerConfig, SegformerForSemanticSegmentation, SegformerModel

from madm_model.model_config import ModelError
from madm_model.students.architecture import SEGFORMER_HEADS, SegformerArchitecture
from madm_model.students.output import StudentOutput

_IMAGENET_MEAN, _IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


class Segformer(nn.Module):
    """SegFormer with fresh weights; nothing is downloaded.

    Args:
        architecture: sizes.
        num_classes: number of classes K.
    """

    def __init__(self, architecture: SegformerArchitecture, num_classes: int) -> None:
        super().__init__()
        self.architecture = architecture
        self.num_classes = num_classes
        config = SegformerConfig(
            hidden_sizes=list(architecture.hidden_sizes),
            depths=list(architecture.depths),
            decoder_hidden_size=architecture.decoder_hidden_size,
            num_attention_heads=list(SEGFORMER_HEADS),
            num_labels=num_classes,
        )
        self.network = SegformerForSemanticSegmentation(config)

    def forward(self, images: torch.Tensor) -> StudentOutput:
        """Segment a batch.

        Args:
            images: (B, 3, H, W) in [-1, 1]; H and W are multiples of `architecture.size_multiple`.
        """
        mean, std = (images.new_tensor(values)[:, None, None] for values in (_IMAGENET_MEAN, _IMAGENET_STD))
        return StudentOutput(self.network(((images + 1) / 2 - mean) / std).logits)

    def load_encoder(self, source: str | Path) -> None:
        """Take the encoder's weights, such as those of ImageNet.

        Mind the licence of what is taken: NVIDIA's own weights are not free for commercial use.

        Args:
            source: a folder as transformers saves it, or the name of a hub repository, such as OWNER/NAME, which the
                hub's own cache, token and offline settings apply to.

        Raises:
            ModelError: there is no SegFormer, or one of another size.
        """
        try:
            encoder = SegformerModel.from_pretrained(source)
            self.network.segformer.load_state_dict(encoder.state_dict())
        except (OSError, ValueError, RuntimeError) as error:
            reason = str(error).strip().partition("\n")[0]  # that of the hub goes on with links
            raise ModelError(f"{source} holds no encoder for {self.architecture.name}: {reason}") from None
