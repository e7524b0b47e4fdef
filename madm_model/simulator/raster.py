# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""Draws flat surfaces into a depth buffer; what they look like is decided later, once per pixel.

A plane through the points O + u A + v B (camera frame) is seen along the ray d = (x, y, 1) at depth z where
[A B O] (u, v, 1)^T = z d. The inverse of that matrix times d is therefore (u, v, 1) / z, so u/z, v/z and 1/z are
linear in the pixel.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from madm_model.simulator.patterns import CUTOUT, SIZE, cutouts
from madm_model.simulator.surfaces import Quads, column, columns

NEAR = 0.2
"""Nearest depth drawn, metres."""

_SHIFT = 4  # sub-pixel bits of polygon corners
_SMALLEST = 1.2  # surfaces of no more pixels in both directions are left out

_LATTICES = {CUTOUT[name] for name in ("pickets", "rails", "mesh")}


@dataclass(frozen=True)
class View:
    """A pinhole camera at a pose.

    Attributes:
        focal: focal length in pixels, the same in x and y; the centre is the middle of the image.
        position: float64 (3,), world.
        rotation: float64 (3, 3), world to camera (x right, y down, z forward).
    """

    width: int
    height: int
    focal: float
    position: np.ndarray
    rotation: np.ndarray

    @property
    def xs(self) -> np.ndarray:
        """Ray x per column, float32 (W,)."""
        return ((np.arange(self.width) - (self.width - 1) / 2) / self.focal).astype(np.float32)

    @property
    def ys(self) -> np.ndarray:
        """Ray y per row, float32 (H,)."""
        return ((np.arange(self.height) - (self.height - 1) / 2) / self.focal).astype(np.float32)


@dataclass(frozen=True)
class Visible:
    """What each pixel sees.

    Attributes:
        inverse_depth: float32 (H, W), 1 / metres along the optical axis; 0 where nothing was drawn.
        surface: int32 (H, W), index into `paints` plus one; 0 where nothing was drawn.
        paints: float32 (N, fields of `Paint`) of the surfaces drawn, pattern repeats resolved to periods per metre.
        planes: float32 (N, 9), the inverse matrices described above, row by row; u and v in metres.
        normals: float32 (N, 3), world, pointing outwards.
    """

    inverse_depth: np.ndarray
    surface: np.ndarray
    paints: np.ndarray
    planes: np.ndarray
    normals: np.ndarray


def _clip_near(polygon: np.ndarray) -> np.ndarray:
    """The part of a polygon (n, 3) in front of the near plane."""
    kept = []
    for here, there in zip(polygon, np.roll(polygon, -1, axis=0)):
        if here[2] >= NEAR:
            kept.append(here)
        if (here[2] >= NEAR) != (there[2] >= NEAR):
            kept.append(here + (there - here) * ((NEAR - here[2]) / (there[2] - here[2])))
    return np.asarray(kept)


def _select(quads: Quads, view: View) -> tuple[np.ndarray, ...]:
    """Transform all surfaces and keep those that can be seen."""
    corners = (quads.corners - view.position) @ view.rotation.T
    x, y, z = corners[..., 0], corners[..., 1], corners[..., 2]
    limit_x = (view.width / 2 + 2) / view.focal
    limit_y = (view.height / 2 + 2) / view.focal
    inside = (z > NEAR).any(1)
    inside &= (x < z * limit_x).any(1) & (x > -z * limit_x).any(1)
    inside &= (y < z * limit_y).any(1) & (y > -z * limit_y).any(1)
    keep = np.flatnonzero(inside)
    corners, paints = corners[keep], quads.paints[keep]
    origin = corners[:, 0]
    edge_u, edge_v = corners[:, 1] - origin, corners[:, 3] - origin
    length_u = np.linalg.norm(edge_u, axis=1)
    length_v = np.linalg.norm(edge_v, axis=1)
    usable = (length_u > 1e-6) & (length_v > 1e-6)
    edge_u /= np.maximum(length_u, 1e-6)[:, None]
    edge_v /= np.maximum(length_v, 1e-6)[:, None]
    normal = np.cross(edge_u, edge_v)
    # Distance of the camera from the plane, over the distance of the surface: a surface seen edge-on is left out.
    facing = -(normal * origin).sum(1)
    usable &= np.abs(facing) > 1e-3
    usable &= (facing > 0) | (column(paints, "two_sided") > 0)
    keep = np.flatnonzero(usable)
    corners, paints, normal = corners[keep], paints[keep].copy(), normal[keep]
    matrices = np.stack([edge_u[keep], edge_v[keep], corners[:, 0]], axis=2)
    planes = np.linalg.inv(matrices).reshape(-1, 9).astype(np.float32)
    for name, length in (("repeat_u", length_u[keep]), ("repeat_v", length_v[keep])):
        repeat = column(paints, name)
        repeat[:] = np.where(repeat < 0, -repeat / length, repeat)
    normals = (normal * np.sign(facing[keep])[:, None]) @ view.rotation
    return corners, paints, planes, normals.astype(np.float32)


def draw(quads: Quads, view: View) -> Visible:
    """Draw all surfaces with a depth test."""
    corners, paints, planes, normals = _select(quads, view)
    corners, paints, planes, normals, points = _nearest_first(corners, paints, planes, normals, view)
    inverse_depth = np.zeros((view.height, view.width), np.float32)
    surface = np.zeros((view.height, view.width), np.int32)
    stamp = np.zeros((view.height, view.width), np.uint8)
    low = points.min(1) >> _SHIFT
    high = (points.max(1) >> _SHIFT) + 2
    low = np.maximum(low, 0)
    high = np.minimum(high, (view.width, view.height))
    points = points - (low << _SHIFT)[:, None]
    boxes = np.concatenate([low, high], 1).tolist()
    farthest_seen = (1.0 / np.maximum(corners[..., 2].min(1), NEAR)).tolist()
    texels = planes[:, :6].reshape(-1, 2, 3) * (SIZE * columns(paints, "repeat_u", 2))[:, :, None]
    texels = texels.reshape(-1, 6).tolist()
    outlines = cutouts()
    cutout = column(paints, "cutout").astype(int).tolist()
    closing = (16.0 * SIZE / view.focal * column(paints, "repeat_u")).tolist()
    coefficients = planes[:, 6:].tolist()
    xs, ys = view.xs, view.ys[:, None]
    for index, (left, top, right, bottom) in enumerate(boxes):
        if left >= right or top >= bottom:
            continue
        window = (slice(top, bottom), slice(left, right))
        nearest = inverse_depth[window]
        if index > 60 and nearest.min() > farthest_seen[index]:
            continue  # wholly behind what is drawn
        covered = stamp[window]
        covered.fill(0)
        cv2.fillConvexPoly(covered, points[index], 1, shift=_SHIFT)
        slope_x, slope_y, constant = coefficients[index]
        x, y = xs[left:right], ys[top:bottom]
        nearness = slope_x * x + (slope_y * y + constant)
        seen = nearness > nearest
        seen &= covered.view(bool)
        outline = cutout[index]
        if outline >= 0:
            a, b, c, d, e, f = texels[index]
            u = ((a * x + (b * y + c)) / nearness).astype(np.int32)
            v = ((d * x + (e * y + f)) / nearness).astype(np.int32)
            np.clip(v, 0, SIZE - 1, out=v)
            texel = outlines[outline][v, u & (SIZE - 1)]
            if outline in _LATTICES:
                # Gaps finer than a pixel would flicker: they close smoothly once a pixel spans more than four texels.
                seen &= texel >= 128.0 - np.clip(closing[index] / nearness - 64.0, 0.0, 127.0)
            else:
                seen &= texel >= 128
        np.copyto(nearest, nearness, where=seen)
        np.copyto(surface[window], index + 1, where=seen)
    return Visible(inverse_depth, surface, paints, planes, normals)


def _nearest_first(
    corners: np.ndarray, paints: np.ndarray, planes: np.ndarray, normals: np.ndarray, view: View
) -> tuple[np.ndarray, ...]:
    """Sort surfaces by depth, leave out those smaller than a pixel, and project their corners.

    Returns:
        What was given, then int32 (N, 8, 2) image points in 1/16 pixel (a clipped polygon's last point repeats).
    """
    centre = np.array([(view.width - 1) / 2, (view.height - 1) / 2])
    depth = corners[..., 2]
    crossing = np.any(depth < NEAR, axis=1)
    screen = corners[..., :2] / np.where(depth < NEAR, np.inf, depth)[..., None] * view.focal + centre
    extent = (screen.max(1) - screen.min(1)).max(1)
    keep = np.flatnonzero(crossing | (extent > _SMALLEST))
    keep = keep[np.argsort(depth[keep].mean(1), kind="stable")]
    points = np.repeat(screen[keep][:, 3:4], 8, axis=1)
    points[:, :4] = screen[keep]
    for index in np.flatnonzero(crossing[keep]):
        polygon = _clip_near(corners[keep[index]])
        flat = polygon[:, :2] / polygon[:, 2:] * view.focal + centre
        points[index] = flat[-1]
        points[index, : len(flat)] = flat
    points = np.round(np.clip(points, -60000, 60000) * (1 << _SHIFT)).astype(np.int32)
    return corners[keep], paints[keep], planes[keep], normals[keep], points
