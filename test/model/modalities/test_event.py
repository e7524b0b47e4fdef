# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""Edge frames to the network's image."""

from __future__ import annotations

import numpy as np
import pytest

from madm_model.io.frames import FrameError, RawFrame
from madm_model.modalities.event import EventConfig, event_image

EDGES = np.arange(12, dtype=np.uint8).reshape(3, 4)


@pytest.mark.parametrize("encoding", ["mono8", "8UC1"])
def test_one_channel_is_repeated(encoding):
    image = event_image(RawFrame(EDGES, encoding, 0, "event_camera"))
    assert image.dtype == np.uint8
    np.testing.assert_array_equal(image, np.repeat(EDGES[..., None], 3, axis=2))


def test_finished_edge_images_pass():
    colour = np.arange(36, dtype=np.uint8).reshape(3, 4, 3)
    np.testing.assert_array_equal(event_image(RawFrame(colour, "rgb8", 0, "event_camera")), colour)


def test_dark_edges_on_white_are_inverted():
    frame = RawFrame(255 - EDGES, "mono8", 0, "event_camera")
    np.testing.assert_array_equal(event_image(frame, EventConfig(invert=True))[..., 1], EDGES)
    np.testing.assert_array_equal(frame.array, 255 - EDGES)


def test_other_encodings_are_refused():
    with pytest.raises(FrameError, match="publish mono8"):
        event_image(RawFrame(EDGES.astype(np.uint16), "mono16", 0, "event_camera"))
