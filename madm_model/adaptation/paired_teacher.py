# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""Pseudo-labels of the teacher, joined by those of a colour camera that sees the same.

The colour image's label is taken where it is the teacher's as well, or is trusted more than the teacher trusts its own;
elsewhere the teacher's stays. So a colour model that is blind, or a weak one, changes little.
"""

from __future__ import annotations

from typing import NamedTuple

import torch

from madm_model.adaptation.data.batches import TargetBatch
from madm_model.adaptation.pseudo_labels import PseudoLabels


class Joined(NamedTuple):
    """Pseudo-labels of two teachers, and how they went together."""

    pseudo: PseudoLabels
    """Those of both; certainty by class and confidence are the first one's."""
    share: float
    """Of the pixels, those whose label and weight are the second one's, or both's."""
    agreement: float
    """Of the pixels on which the second one is trusted, those that both label alike; NaN without any."""


def join_paired(pseudo: PseudoLabels, target: TargetBatch) -> Joined:
    """Have a second teacher's labels join the first one's.

    Args:
        pseudo: of the first.
        target: what the second says.
    """
    labels, weight = target.paired_labels, target.paired_weight
    trusted = weight > 0
    is_alike = labels == pseudo.labels
    stays = target.stays.gather(1, pseudo.labels.flatten(1)).view_as(labels)  # (B, H, W)
    taken = trusted & (is_alike | ((weight > pseudo.probability) & ~stays))
    both = torch.where(taken, torch.maximum(pseudo.weight, weight), pseudo.weight)
    agreement = is_alike[trusted].float().mean().item()  # NaN without any
    joined = pseudo._replace(labels=torch.where(taken, labels, pseudo.labels), weight=both, quality=both.mean().item())
    return Joined(joined, taken.float().mean().item(), agreement)
