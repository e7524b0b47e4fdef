"""The number type of a training's passes."""

from __future__ import annotations

from contextlib import AbstractContextManager

import torch

from madm_model.training.config import Precision

DTYPES: dict[Precision, torch.dtype] = {
    "float32": torch.float32,
    "bfloat16": torch.bfloat16,
    "float16": torch.float16,
}


def autocast(device: torch.device, precision: Precision) -> AbstractContextManager:
    """Autocast of the passes; none in float32."""
    return torch.autocast(device.type, DTYPES[precision], enabled=precision != "float32")
