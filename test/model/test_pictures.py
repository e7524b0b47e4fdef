# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""Sheets and videos have the sizes and colours they should."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from madm_model.labels import STREET_11
from madm_model.pictures import VideoFile, contact_sheet, legend, save_png


def panel(value: int) -> np.ndarray:
    return np.full((30, 200, 3), value, np.uint8)


def test_contact_sheet_places_panels():
    sheet = contact_sheet([[panel(10), panel(20)], [panel(30), panel(40)]], ["a", "b"], STREET_11)
    assert sheet.shape[1] == 2 * 200 + 4
    assert sheet[20 + 15, 100].tolist() == [10] * 3 and sheet[20 + 15, 304].tolist() == [20] * 3
    assert sheet[20 + 30 + 4 + 15, 304].tolist() == [40] * 3


def test_legend_shows_every_colour():
    colours = {tuple(colour) for colour in legend(STREET_11, 400).reshape(-1, 3).tolist()}
    assert set(STREET_11.palette) <= colours


@pytest.mark.parametrize("name", ["v.mp4", "v.webm"])
def test_video_keeps_frames_and_size(tmp_path, name, capfd):
    with VideoFile(tmp_path / name, 10) as video:
        for value in (0, 200):
            video.add(np.full((61, 80, 3), value, np.uint8))
        video.add(np.full((30, 40, 3), 200, np.uint8))
    assert capfd.readouterr().err == ""
    capture = cv2.VideoCapture(str(tmp_path / name))
    frames = [capture.read()[1] for _ in range(3)]
    assert frames[0].shape == (60, 80, 3) and frames[0].mean() < 20 and frames[2].mean() > 180
    assert not capture.read()[0]


def test_save_png_keeps_rgb_order_and_reports_a_missing_folder(tmp_path):
    save_png(tmp_path / "a.png", np.array([[[255, 0, 0]]], np.uint8))
    assert cv2.imread(str(tmp_path / "a.png"))[0, 0].tolist() == [0, 0, 255]
    with pytest.raises(OSError, match="missing"):
        save_png(tmp_path / "missing" / "a.png", panel(0))
