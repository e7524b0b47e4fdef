# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""A bias on classes, as people write it: `person=0.5` in place of retraining, for more recall or more precision."""

from __future__ import annotations

import math
from collections.abc import Iterable

import numpy as np

from madm_model.labels import LabelSet

_LARGEST = 20.0


def parse_class_bias(texts: Iterable[str]) -> dict[str, float]:
    """Class names to nats, of texts like `person=0.5`; empty texts are passed over.

    Raises:
        ValueError: a text is not like that, the number is beyond 20 nats, or a class comes twice.
    """
    bias: dict[str, float] = {}
    for text in filter(None, texts):
        name, _, number = text.partition("=")
        try:
            value = float(number)
        except ValueError:
            raise ValueError(f"'{text}' is not like person=0.5: a class, and what is added to its score") from None
        if not math.isfinite(value) or abs(value) > _LARGEST:
            raise ValueError(f"'{text}': a bias is between -{_LARGEST:g} and {_LARGEST:g} nats")
        if name in bias:
            raise ValueError(f"class '{name}' comes twice")
        bias[name] = value
    return bias


def class_bias_of(texts: Iterable[str], label_set: LabelSet) -> np.ndarray | None:
    """What to add to the scores of a model's classes.

    Args:
        texts: like `person=0.5`.
        label_set: of the model.

    Returns:
        float32 (K,) in nats; None where nothing is to be added.

    Raises:
        ValueError: as `parse_class_bias`, or the model has no such class.
    """
    bias = parse_class_bias(texts)
    if unknown := [name for name in bias if name not in label_set.names]:
        raise ValueError(f"there is no class '{unknown[0]}': the model has {', '.join(label_set.names)}")
    values = np.array([bias.get(name, 0.0) for name in label_set.names], np.float32)
    return values if values.any() else None
