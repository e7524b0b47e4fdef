# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""Clouds of any layout: read, and given more fields."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from madm_model.io.frames import FrameError
from madm_model.io.point_clouds import FLOAT32, FLOAT64, UINT32, CloudField, decode_points, with_fields

XYZ = np.random.default_rng(1).normal(size=(3, 12))
LABEL = {"label": np.arange(12, dtype=np.uint32) * 70_000, "confidence": np.linspace(0, 1, 12, dtype=np.float32)}


def cloud(
    order: str = "<",
    kind: str = "f4",
    step: int = 22,
    offsets: tuple[int, ...] = (2, 6, 10),
    height: int = 3,
    pad: int = 0,
) -> SimpleNamespace:
    """Twelve points with random bytes between their coordinates."""
    width = 12 // height
    data = np.random.default_rng(2).integers(0, 256, (height, width * step + pad), np.uint8)
    for axis, offset in zip(XYZ, offsets):
        np.ndarray((height, width), order + kind, data, offset, (width * step + pad, step))[:] = axis.reshape(
            height, -1
        )
    datatype = {"f4": FLOAT32, "f8": FLOAT64}[kind]
    fields = [CloudField(name, offset, datatype) for name, offset in zip("xyz", offsets)]
    return SimpleNamespace(
        height=height, width=width, point_step=step, row_step=width * step + pad, is_bigendian=order == ">",
        fields=fields, data=data.tobytes(),
    )  # fmt: skip


LAYOUTS = {
    "plain": {"step": 12, "offsets": (0, 4, 8)},
    "one row": {"height": 1, "step": 32, "offsets": (0, 4, 8)},
    "odd places": {},
    "other order of axes": {"offsets": (16, 8, 0)},
    "big endian": {"order": ">"},
    "padded rows": {"pad": 5},
    "float64": {"kind": "f8", "step": 40, "offsets": (1, 9, 17)},
    "float64, big endian, padded": {"kind": "f8", "order": ">", "step": 25, "offsets": (0, 8, 16), "pad": 3},
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_coordinates_are_read_wherever_they_lie(layout: str) -> None:
    points = decode_points(cloud(**LAYOUTS[layout]))
    precision = np.float64 if "float64" in layout else np.float32
    assert points.dtype == precision and points.flags.c_contiguous
    np.testing.assert_array_equal(points, XYZ.astype(precision))


@pytest.mark.parametrize("layout", LAYOUTS)
def test_more_fields_leave_all_others_as_they_were(layout: str) -> None:
    before = cloud(**LAYOUTS[layout])
    after = with_fields(before, LABEL)
    assert after.point_step % 4 == 0 and len(after.data) == 12 * after.point_step
    rows = np.frombuffer(before.data, np.uint8).reshape(before.height, before.row_step)
    kept = rows[:, : before.width * before.point_step].reshape(12, before.point_step)
    points = np.frombuffer(after.data, np.uint8).reshape(12, after.point_step)
    np.testing.assert_array_equal(points[:, : before.point_step], kept)
    assert after.fields[:3] == before.fields
    order = ">" if before.is_bigendian else "<"
    for field, kind, datatype in zip(after.fields[3:], ("u4", "f4"), (UINT32, FLOAT32)):
        assert field.datatype == datatype
        read = np.ndarray((12,), order + kind, after.data, field.offset, (after.point_step,))
        np.testing.assert_array_equal(read, LABEL[field.name])


def test_a_field_of_that_name_is_replaced() -> None:
    message = cloud(step=32)
    message.fields += [CloudField("label", 14, UINT32), CloudField("rgba", 18, UINT32), CloudField("ring", 22, UINT32)]
    names = [field.name for field in with_fields(message, LABEL, replaced=("rgba",)).fields]
    assert names == ["x", "y", "z", "ring", "label", "confidence"]


def test_a_row_step_of_nothing_is_taken_for_one_row() -> None:
    message = cloud(height=1)
    message.row_step = 0
    np.testing.assert_array_equal(decode_points(message), XYZ.astype(np.float32))


def test_an_empty_cloud_is_one() -> None:
    message = SimpleNamespace(**{**vars(cloud()), "width": 0, "height": 1, "row_step": 0, "data": b""})
    assert decode_points(message).shape == (3, 0)
    nothing = {name: values[:0] for name, values in LABEL.items()}
    assert with_fields(message, nothing).data.tobytes() == b""


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        (
            {"fields": [CloudField("x", 0, FLOAT32), CloudField("y", 4, FLOAT32)]},
            r"no z of .* among its fields \(x, y\)",
        ),
        ({"fields": [CloudField(axis, 0, UINT32) for axis in "xyz"]}, "no x, y, z of float32 or float64"),
        ({"fields": [CloudField(axis, 20, FLOAT32) for axis in "xyz"]}, "x lies outside of its points of 22 bytes"),
        ({"row_step": 80}, "4 points of 22 bytes do not fit into a row_step of 80"),
        ({"point_step": 0}, "4 points of 0 bytes do not fit"),
        ({"data": bytes(200)}, "has 200 bytes but height x row_step is 3 x 88 = 264"),
        ({"height": 2**31, "width": 2**31}, "do not fit into a row_step"),
    ],
)
def test_a_cloud_that_contradicts_itself_says_so(changes: dict, words: str) -> None:
    with pytest.raises(FrameError, match=words):
        decode_points(SimpleNamespace(**{**vars(cloud()), **changes}))
