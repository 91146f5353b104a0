"""Describes a part's surface as heights above the belt, with the operations that shapes are made of.

A shape is written in *part units*: the part lies around (0, 0) and reaches about 1 in its longest direction.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

Field = NDArray[np.float32]
"""A float32 value for each pixel, or for each pixel and colour."""


@dataclass(frozen=True, slots=True)
class Grid:
    """The positions of a patch's pixels on a part.

    Attributes:
        u: (N, N) float32, the position along the part's axis, part units.
        v: (N, N) float32, the position across the part's axis, part units.
        scale: the pixels of a part unit.
        angle: the direction of the part's axis, radians.
    """

    u: Field
    v: Field
    scale: float
    angle: float

    @classmethod
    def around(cls, extent: float, angle: float) -> Grid:
        """Returns the grid around a part.

        Args:
            extent: the part's length in its longest direction, px.
            angle: the direction of the part's axis, radians.
        """
        scale = extent / 2
        half = int(np.ceil(scale * 1.06)) + 2
        axis = np.arange(-half, half + 1, dtype=np.float32) / np.float32(scale)
        x, y = np.meshgrid(axis, axis)
        cos, sin = np.float32(np.cos(angle)), np.float32(np.sin(angle))
        return cls(x * cos + y * sin, y * cos - x * sin, scale, angle)

    def pixels(self, u: Field, v: Field) -> Field:
        """Returns the positions of points in the patch, (K, 2) float32 x, y, px.

        Args:
            u: (K,) float32, the positions along the part's axis, part units.
            v: (K,) float32, the positions across the part's axis, part units.
        """
        cos, sin = np.cos(self.angle), np.sin(self.angle)
        points = np.stack([u * cos - v * sin, u * sin + v * cos], axis=1) * self.scale + self.u.shape[0] // 2
        return as_float32(points)


@dataclass(frozen=True, slots=True)
class Relief:
    """A part's surface as the camera sees it from above.

    Attributes:
        height: (N, N) float32, the height above the part's own rim, part units.
        alpha: (N, N) float32, the share of each pixel that the part covers, 0..1.
        grain: (N, N) float32, the position across the tool marks, part units; equal values share a mark.
        wall: the height of the upright side below the rim, part units; 0 for round parts.
        lift: the height of the part's bulk above the belt, which its shadow depends on, part units.
    """

    height: Field
    alpha: Field
    grain: Field
    wall: float
    lift: float


def as_float32(values: NDArray[np.generic]) -> Field:
    """Returns an array of any shape and type as float32, in its shape."""
    return np.asarray(values, np.float32)


def fillet(inside: NDArray[np.floating], width: float) -> Field:
    """Returns a rounded edge, (N, N) float32: 0 at the border, 1 from `width` inwards.

    Args:
        inside: the distance from the border, (N, N) float32 or float64, positive inside, part units.
        width: the width of the rounding, part units.
    """
    return as_float32(np.sqrt(1 - (1 - np.clip(inside / width, 0, 1)) ** 2))


def cover(inside: NDArray[np.floating], grid: Grid) -> Field:
    """Returns the share of each pixel that lies within a border, (N, N) float32, 0..1.

    Args:
        inside: the distance from the border, (N, N) float32 or float64, positive inside, part units.
        grid: the part's pixels.
    """
    return as_float32(np.clip(inside * grid.scale + 0.5, 0, 1))


def depth_inside(solid: NDArray[np.bool_], grid: Grid) -> Field:
    """Returns how far each pixel lies inside a silhouette, (N, N) bool: (N, N) float32, part units."""
    away = cv2.distanceTransform(solid.astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    return as_float32(np.asarray(away) / grid.scale)


def distance_from_ring(r: Field, turn: Field, radius: float, count: int) -> Field:
    """Returns the distance of each pixel from the nearest of some points on a circle, (N, N) float32, part units.

    Args:
        r: (N, N) float32, each pixel's distance from the centre, part units.
        turn: (N, N) float32, each pixel's direction from the centre, turns.
        radius: the radius of the circle, part units.
        count: the number of points, evenly spaced.
    """
    near = ((turn * count + 0.5) % 1 - 0.5) * (2 * np.pi / count)
    return as_float32(np.sqrt(np.maximum(r**2 + radius**2 - 2 * r * radius * np.cos(near), 0)))


def draw_wire(grid: Grid, along: Field, across: Field, shown: NDArray[np.bool_], wire: float) -> NDArray[np.uint8]:
    """Draws the visible stretches of a wire: (N, N) uint8, 255 inside.

    Args:
        grid: the part's pixels.
        along: (K,) float32, the wire's positions along the part's axis, part units.
        across: (K,) float32, the wire's positions across the part's axis, part units.
        shown: (K,) bool, whether each position is visible.
        wire: the radius of the wire, part units.
    """
    silhouette = np.zeros(grid.u.shape, np.uint8)
    points = np.rint(grid.pixels(along, across) * 16).astype(np.int32)
    cuts = np.flatnonzero(np.diff(shown)) + 1
    stretches = np.split(np.arange(len(shown)), cuts)
    lines = [points[max(s[0] - 1, 0) : s[-1] + 2] for s in stretches if shown[s[0]]]
    thickness = max(2, round(2 * wire * grid.scale))
    cv2.polylines(silhouette, lines, False, 255, thickness, cv2.LINE_AA, shift=4)
    return silhouette
