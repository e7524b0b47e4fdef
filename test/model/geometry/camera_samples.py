# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""Calibrations as drivers publish them."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np

DISTORTIONS = {
    "plumb_bob": [-0.31, 0.12, 0.0011, -0.0007, -0.02],
    "rational_polynomial": [0.45, -0.12, 0.0004, -0.0003, 0.01, 0.78, -0.05, 0.02],
    "equidistant": [-0.031, 0.012, -0.004, 0.0006],
}


def camera_info(model: str = "plumb_bob", d: list[float] | None = None, **changes: Any) -> SimpleNamespace:
    """The fields of a CameraInfo of 96 x 64 pixels."""
    fields = {
        "distortion_model": model,
        "d": DISTORTIONS[model] if d is None else d,
        "k": np.array([60.0, 0, 47.0, 0, 62.0, 30.5, 0, 0, 1]),
        "r": np.eye(3).ravel(),
        "p": np.array([55.0, 0, 46.0, 0, 0, 56.0, 31.0, 0, 0, 0, 1, 0]),
        "width": 96,
        "height": 64,
        "binning_x": 0,
        "binning_y": 0,
        "roi": SimpleNamespace(x_offset=0, y_offset=0, width=0, height=0),
    }
    return SimpleNamespace(**{**fields, **changes})
