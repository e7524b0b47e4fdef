# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""The edge frame of one moment of a DSEC recording, as the event node would have made it."""

from __future__ import annotations

import functools
from dataclasses import replace
from pathlib import Path

import numpy as np

from madm_model.datasets.layout import EventMoment
from madm_model.events.container import EventError, Events
from madm_model.events.dsec import DsecFile
from madm_model.events.edge_config import EdgeConfig
from madm_model.events.edges import EdgeFramer
from madm_model.events.recording import open_events

RECTIFY_MAP = "rectify_map.h5"
"""Beside the recording: where every pixel of the sensor lies without the lens's distortion."""

HISTORY_US = 100_000
"""Events before the moment that its edges are drawn from: several times what they fade in."""
ROWS = 440
"""That labels cover."""


def edge_frame(moment: EventMoment) -> np.ndarray:
    """Edges at a moment, in the rectified view that labels are drawn in: uint8 (440, W).

    Raises:
        EventError: the recording or its map cannot be read, or the moment is not in it.
    """
    offset_us = DsecFile(moment.recording).offset_us
    start_s, end_s = (1e-6 * (moment.stamp_us - offset_us - back) for back in (HISTORY_US, -1))
    if end_s <= 0:
        raise EventError(f"{moment.recording} begins after the moment {moment.stamp_us} us of its labels")
    rectify_map = _rectify_map(moment.recording.parent / RECTIFY_MAP)
    height, width = rectify_map.shape[:2]
    framer = EdgeFramer(height, width, EdgeConfig(window="stamps"))
    for chunk in open_events(moment.recording, size=(width, height), start_s=max(start_s, 0.0), end_s=end_s):
        framer.push(_rectified(chunk, rectify_map))
    framer.advance(moment.stamp_us)
    frames = framer.request(moment.stamp_us)
    image = frames[0].image if frames else np.zeros((height, width), np.uint8)
    return image[:ROWS]


def _rectified(events: Events, rectify_map: np.ndarray) -> Events:
    """Events where an ideal lens would have shown them; those beyond the image are left out."""
    height, width = rectify_map.shape[:2]
    x, y = np.rint(rectify_map[events.y, events.x]).astype(np.int64).T
    inside = (x >= 0) & (x < width) & (y >= 0) & (y < height)
    return replace(events, x=x.clip(0).astype(np.uint16), y=y.clip(0).astype(np.uint16)).keep(inside)


@functools.lru_cache(maxsize=64)
def _rectify_map(path: Path) -> np.ndarray:
    """float32 (H, W, 2): x and y of every pixel."""
    import h5py

    try:
        with h5py.File(path, "r") as file:
            found = np.asarray(file["rectify_map"], np.float32)
    except FileNotFoundError:
        raise EventError(f"{path} is missing: it is released with the events") from None
    except (OSError, KeyError, ValueError, TypeError) as error:
        raise EventError(f"{path} cannot be read: {error}") from None
    if found.ndim != 3 or found.shape[2] != 2 or not np.isfinite(found).all():
        raise EventError(f"{path} is no map of pixels to places: its shape is {found.shape}")
    return found
