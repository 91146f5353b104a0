"""The shapes of the demo's machine parts, as heights above the belt.

A shape is written in *part units*: the part lies around (0, 0) and reaches about 1 in its longest direction.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

Field = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Grid:
    """Where the pixels of a patch lie on a part that is turned by `angle`.

    Attributes:
        u: (N, N) float32, part units along the part's axis.
        v: (N, N) float32, part units across it.
        scale: px per part unit.
        angle: radians.
    """

    u: Field
    v: Field
    scale: float
    angle: float

    @classmethod
    def around(cls, extent: float, angle: float) -> Grid:
        """The grid for a part whose longest direction is `extent` px."""
        scale = extent / 2
        half = int(np.ceil(scale * 1.06)) + 2
        axis = np.arange(-half, half + 1, dtype=np.float32) / np.float32(scale)
        x, y = np.meshgrid(axis, axis)
        cos, sin = np.float32(np.cos(angle)), np.float32(np.sin(angle))
        return cls(x * cos + y * sin, y * cos - x * sin, scale, angle)

    def pixels(self, u: Field, v: Field) -> Field:
        """The (K, 2) px in the patch of K points in part units."""
        cos, sin = np.cos(self.angle), np.sin(self.angle)
        points = np.stack([u * cos - v * sin, u * sin + v * cos], axis=1) * self.scale + self.u.shape[0] // 2
        return _f32(points)


@dataclass(frozen=True, slots=True)
class Relief:
    """A part's surface as the camera sees it from above.

    Attributes:
        height: (N, N) float32, part units above the part's own rim.
        alpha: (N, N) float32, 0 where the belt shows, 1 where the part does.
        grain: (N, N) float32, part units across the tool marks: equal values share a mark.
        wall: part units of upright side below the rim; 0 for round parts.
        lift: part units of the part's bulk above the belt, for its shadow.
    """

    height: Field
    alpha: Field
    grain: Field
    wall: float
    lift: float


def bolt(rng: np.random.Generator, grid: Grid) -> Relief:
    """A bolt on its side: hexagon or cylinder head, a shank with a thread."""
    head, width = rng.uniform(0.24, 0.36), rng.uniform(0.24, 0.38)
    shank = width * rng.uniform(0.5, 0.64)
    u, v = grid.u + 1, np.abs(grid.v)  # u: 0 at the head's top, 2 at the tip
    pitch = rng.uniform(0.06, 0.1)
    begins = head + rng.choice([0.08, rng.uniform(0.2, 0.6)])
    thread = np.where(u > begins, np.sin((u + grid.v * pitch * 0.5) * (2 * np.pi / pitch)), 0.3)
    radius = shank * (0.94 + 0.06 * thread) * np.clip(1 - (u - 1.94) * 4, 0, 1)
    body = np.sqrt(np.maximum(radius**2 - v**2, 0)) * (u >= head - 0.02)
    rounded = width * (1 - 0.45 * np.clip(1 - u / (0.22 * width), 0, 1) ** 2)
    if rng.random() < 0.7:  # seen with a flat upwards or an edge upwards
        flat = 0.866 * rounded
        profile = np.minimum(flat, (rounded - v) * 1.73) if rng.random() < 0.6 else (rounded - v) * 0.577
    else:
        rounded = rounded * (1 + 0.02 * np.sin(grid.v * (2 * np.pi / 0.05)))
        profile = np.sqrt(np.maximum(rounded**2 - v**2, 0))
    inside = np.minimum(np.minimum(u, head - u) * 2, rounded - v)
    cap = np.where(inside > 0, profile * (1 - 0.25 * (1 - _fillet(inside, 0.08))), 0)
    edge = np.maximum(inside, np.minimum(radius - v, np.minimum(u - head + 0.02, 2 - u)))
    return Relief(_f32(np.maximum(cap, body)), _cover(edge, grid), _f32(u + 0.1 * v), 0.0, width * 0.9)


def nut(rng: np.random.Generator, grid: Grid) -> Relief:
    """A hexagon nut from above: chamfered corners, a threaded bore; some stand on a flange."""
    flanged = rng.random() < 0.2
    size = 0.78 if flanged else 1.0
    r, flat = np.hypot(grid.u, grid.v), 0.866 * size
    bore = size * rng.uniform(0.42, 0.56)
    turns = [np.abs(grid.u * np.cos(a) + grid.v * np.sin(a)) for a in (np.pi / 6, np.pi / 2, 5 * np.pi / 6)]
    inside = flat - np.maximum(np.maximum(turns[0], turns[1]), turns[2])
    height = 0.3 * _fillet(inside, 0.05) - 0.6 * np.maximum(r - flat * rng.uniform(0.93, 0.99), 0)
    height -= np.clip(bore * 1.13 - r, 0, 0.12)
    deep = np.clip(bore - r, 0, None)
    height -= 1.6 * deep + 0.02 * (deep > 0) * np.sin(deep * (2 * np.pi / 0.045))
    edge = np.minimum(inside, r - 0.84 * bore)
    if flanged:
        height = np.maximum(height, np.where(r > bore, 0.16 * _fillet(1 - r, 0.12) - 0.25 * r, -9))
        edge = np.minimum(1 - r, r - 0.84 * bore)
    return Relief(_f32(height), _cover(edge, grid), _f32(r), rng.uniform(0.22, 0.4), 0.5)


def washer(rng: np.random.Generator, grid: Grid) -> Relief:
    """A flat ring; some are split, as lock washers are."""
    r = np.hypot(grid.u, grid.v)
    bore = rng.uniform(0.42, 0.66)
    edge = np.minimum(1 - r, r - bore)
    if rng.random() < 0.15:
        gap = np.where(grid.u > 0, np.abs(grid.v + 0.35 * (grid.u - 0.8)) - rng.uniform(0.03, 0.07), 9)
        edge = np.minimum(edge, gap)
    height = 0.06 * _fillet(edge, rng.uniform(0.03, 0.09)) + rng.uniform(-0.06, 0.06) * r
    return Relief(_f32(height), _cover(edge, grid), _f32(r), rng.uniform(0.05, 0.1), 0.1)


def gear(rng: np.random.Generator, grid: Grid) -> Relief:
    """A spur gear: teeth, a web that may be pierced, a hub and a bore with or without a keyway."""
    r, turn = np.hypot(grid.u, grid.v), _f32(np.arctan2(grid.v, grid.u) / (2 * np.pi))
    teeth = int(rng.integers(11, 27))
    root = 1 - rng.uniform(2.0, 2.6) / teeth - 0.03
    wave = np.abs((turn * teeth) % 1 - 0.5) * 4 - 1
    solid = r < root + (1 - root) * np.clip(wave * 1.5 + 0.55, 0, 1)
    bore, hub, rim = rng.uniform(0.14, 0.22), rng.uniform(0.3, 0.38), root - rng.uniform(0.1, 0.16)
    solid &= r > bore
    if rng.random() < 0.5:
        solid &= (np.abs(grid.v) > bore * 0.3) | (grid.u < 0) | (grid.u > bore * 1.35)
    holes, middle = int(rng.choice([0, 0, 3, 4, 5, 6])), (hub + rim) / 2
    web = np.minimum(rim - r, r - hub)
    if holes:
        away = _from_ring(r, turn, middle, holes)
        solid &= away > (rim - hub) * 0.36
    edge = _depth(solid, grid)
    height = 0.07 * _fillet(edge, 0.05) - rng.uniform(0.05, 0.12) * _fillet(web, 0.05)
    alpha = cv2.GaussianBlur(solid.astype(np.float32), (3, 3), 0)
    return Relief(_f32(height), _f32(alpha), _f32(r), rng.uniform(0.12, 0.25), 0.3)


def spring(rng: np.random.Generator, grid: Grid) -> Relief:
    """A coil spring on its side, with closed ends."""
    coils, radius = int(rng.integers(6, 11)), rng.uniform(0.24, 0.4)
    wire = min(rng.uniform(0.045, 0.075), 0.62 / coils)
    phase = np.linspace(0, 2 * np.pi * coils, coils * 48, dtype=np.float32)
    ends = np.clip(np.minimum(phase, phase[-1] - phase) / (2 * np.pi), 0, 1)
    along = np.cumsum(0.45 + 0.55 * ends)
    along = (along / along[-1] * 2 - 1) * (1 - wire)
    across, front = (radius - wire) * np.cos(phase), np.sin(phase) > 0
    height, alpha = np.full_like(grid.u, -9), np.zeros_like(grid.u)
    dome = np.sqrt(np.maximum(radius**2 - grid.v**2, 0))
    for side, sign in ((~front, -1.0), (front, 1.0)):
        strand = _strand(grid, _f32(along), _f32(across), side, wire)
        tube = wire * _fillet(_depth(strand > 127, grid), wire)
        height = np.where(strand > 127, tube * 1.1 + sign * 0.3 * dome, height)
        alpha = np.maximum(alpha, strand / np.float32(255))
    height = np.maximum(height, -radius)
    return Relief(_f32(height), _f32(alpha), _f32(grid.u * 0.3 + grid.v), 0.0, radius)


def bearing(rng: np.random.Generator, grid: Grid) -> Relief:
    """A ball bearing: two rings with balls in a cage between them, or a shield over them."""
    r, turn = np.hypot(grid.u, grid.v), _f32(np.arctan2(grid.v, grid.u) / (2 * np.pi))
    bore, inner, outer = rng.uniform(0.34, 0.42), rng.uniform(0.52, 0.57), rng.uniform(0.78, 0.83)
    edge = np.minimum(1 - r, r - bore)
    groove = np.minimum(outer - r, r - inner)
    height = 0.1 * _fillet(edge, 0.05)
    if rng.random() < 0.25:
        height -= 0.05 * _fillet(groove, 0.03) - 0.03 * _fillet(groove - 0.03, 0.04)
    else:
        middle, size = (inner + outer) / 2, (outer - inner) * 0.46
        balls = int(rng.integers(8, int(2 * np.pi * middle / (2.15 * size)) + 1))
        away = _from_ring(r, turn, middle, balls)
        cage = -0.16 - 0.04 * np.abs(r - middle) / size
        ball = np.sqrt(np.maximum(size**2 - away**2, 0)) - 0.16
        low = np.where(away < size, ball, np.where(np.abs(r - middle) < size * 0.45, cage, -0.34))
        height = np.where(groove > 0, low, height)
    return Relief(_f32(height), _cover(edge, grid), _f32(r), rng.uniform(0.2, 0.35), 0.4)


SHAPES: dict[str, Callable[[np.random.Generator, Grid], Relief]] = {
    "bearing": bearing,
    "bolt": bolt,
    "gear": gear,
    "nut": nut,
    "spring": spring,
    "washer": washer,
}


def _f32(values: NDArray[Any]) -> Field:
    return np.asarray(values, np.float32)


def _fillet(inside: NDArray[np.floating], width: float) -> Field:
    """A rounded edge: 0 at the border, 1 from `width` inwards."""
    return _f32(np.sqrt(1 - (1 - np.clip(inside / width, 0, 1)) ** 2))


def _cover(inside: NDArray[np.floating], grid: Grid) -> Field:
    """How much of each pixel a border covers that lies where `inside` is 0."""
    return _f32(np.clip(inside * grid.scale + 0.5, 0, 1))


def _depth(solid: NDArray[np.bool_], grid: Grid) -> Field:
    """How far inside a silhouette each pixel lies, part units."""
    away = cv2.distanceTransform(solid.astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    return _f32(np.asarray(away) / grid.scale)


def _from_ring(r: Field, turn: Field, radius: float, count: int) -> Field:
    """How far each pixel is from the nearest of `count` points spread over a circle, part units."""
    near = ((turn * count + 0.5) % 1 - 0.5) * (2 * np.pi / count)
    return _f32(np.sqrt(np.maximum(r**2 + radius**2 - 2 * r * radius * np.cos(near), 0)))


def _strand(grid: Grid, along: Field, across: Field, shown: NDArray[np.bool_], wire: float) -> NDArray[np.uint8]:
    """The (N, N) uint8 silhouette of the stretches of a wire that are `shown`; `wire` is its radius, part units."""
    silhouette = np.zeros(grid.u.shape, np.uint8)
    points = np.rint(grid.pixels(along, across) * 16).astype(np.int32)
    cuts = np.flatnonzero(np.diff(shown)) + 1
    stretches = np.split(np.arange(len(shown)), cuts)
    lines = [points[max(s[0] - 1, 0) : s[-1] + 2] for s in stretches if shown[s[0]]]
    thickness = max(2, round(2 * wire * grid.scale))
    cv2.polylines(silhouette, lines, False, 255, thickness, cv2.LINE_AA, shift=4)
    return silhouette
