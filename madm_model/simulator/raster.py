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
from madm_model.simulator.surfaces import Quads, column

NEAR = 0.2
"""Nearest depth drawn, metres."""

_SHIFT = 4  # sub-pixel bits of polygon corners

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
    inverse_depth = np.zeros((view.height, view.width), np.float32)
    surface = np.zeros((view.height, view.width), np.int32)
    stamp = np.zeros((view.height, view.width), np.uint8)
    clipped = (corners[..., 2] < NEAR).any(1)
    with np.errstate(divide="ignore", invalid="ignore"):
        screen = corners[..., :2] / corners[..., 2:]
    centre = np.array([(view.width - 1) / 2, (view.height - 1) / 2])
    screen = screen * view.focal + centre
    fixed = np.clip(np.nan_to_num(screen), -60000, 60000)
    fixed = np.round(fixed * (1 << _SHIFT)).astype(np.int32)
    xs, ys = view.xs, view.ys
    outlines = cutouts()
    cutout = column(paints, "cutout").astype(int).tolist()
    repeats = np.stack([column(paints, "repeat_u"), column(paints, "repeat_v")], 1).tolist()
    coefficients = planes.tolist()
    for index in range(len(paints)):
        points = fixed[index]
        if clipped[index]:
            polygon = _clip_near(corners[index])
            flat = np.clip(polygon[:, :2] / polygon[:, 2:] * view.focal + centre, -60000, 60000)
            points = np.round(flat * (1 << _SHIFT)).astype(np.int32)
        left, top = points.min(0).tolist()
        right, bottom = points.max(0).tolist()
        left, top = max(left >> _SHIFT, 0), max(top >> _SHIFT, 0)
        right, bottom = min((right >> _SHIFT) + 2, view.width), min((bottom >> _SHIFT) + 2, view.height)
        if left >= right or top >= bottom:
            continue
        window = (slice(top, bottom), slice(left, right))
        covered = stamp[window]
        covered[:] = 0
        cv2.fillConvexPoly(covered, points - (left << _SHIFT, top << _SHIFT), 1, shift=_SHIFT)
        p = coefficients[index]
        x, y = xs[left:right], ys[top:bottom, None]
        nearness = p[6] * x + (p[7] * y + p[8])
        nearest = inverse_depth[window]
        seen = (nearness > nearest) & covered.view(bool)
        if cutout[index] >= 0:
            texel, scale = _look_up(outlines[cutout[index]], p, repeats[index], x, y, nearness)
            if cutout[index] in _LATTICES:
                # Gaps finer than a pixel would flicker: they close smoothly once a pixel spans more than four texels.
                seen &= texel >= 128.0 - np.clip(scale * (16.0 * repeats[index][0] / view.focal) - 64.0, 0.0, 127.0)
            else:
                seen &= texel >= 128
        np.copyto(nearest, nearness, where=seen)
        np.copyto(surface[window], index + 1, where=seen)
    return Visible(inverse_depth, surface, paints, planes, normals)


def _look_up(
    outline: np.ndarray, plane: list[float], repeat: list[float], x: np.ndarray, y: np.ndarray, nearness: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """The outline's texels, uint8 (h, w), and depth times SIZE, float32 (h, w), in a window of pixels."""
    scale = SIZE / np.maximum(nearness, 1e-3)
    u = ((plane[0] * x + (plane[1] * y + plane[2])) * scale * repeat[0]).astype(np.int32)
    v = ((plane[3] * x + (plane[4] * y + plane[5])) * scale * repeat[1]).astype(np.int32)
    np.clip(v, 0, SIZE - 1, out=v)
    return outline[v, u & (SIZE - 1)], scale
