"""Models the shapes of the demo's machine parts as heights above the belt, in the part units of `relief`."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np

from edgetl.host.demo.relief import (
    Grid,
    Relief,
    as_float32,
    cover,
    depth_inside,
    distance_from_ring,
    draw_wire,
    fillet,
)


def bolt(rng: np.random.Generator, grid: Grid) -> Relief:
    """Models a bolt on its side: a hexagon or cylinder head, and a shank with a thread."""
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
    cap = np.where(inside > 0, profile * (1 - 0.25 * (1 - fillet(inside, 0.08))), 0)
    edge = np.maximum(inside, np.minimum(radius - v, np.minimum(u - head + 0.02, 2 - u)))
    return Relief(as_float32(np.maximum(cap, body)), cover(edge, grid), as_float32(u + 0.1 * v), 0.0, width * 0.9)


def nut(rng: np.random.Generator, grid: Grid) -> Relief:
    """Models a hexagon nut from above: chamfered corners and a threaded bore; some nuts have a flange."""
    flanged = rng.random() < 0.2
    size = 0.78 if flanged else 1.0
    r, flat = np.hypot(grid.u, grid.v), 0.866 * size
    bore = size * rng.uniform(0.42, 0.56)
    turns = [np.abs(grid.u * np.cos(a) + grid.v * np.sin(a)) for a in (np.pi / 6, np.pi / 2, 5 * np.pi / 6)]
    inside = flat - np.maximum(np.maximum(turns[0], turns[1]), turns[2])
    height = 0.3 * fillet(inside, 0.05) - 0.6 * np.maximum(r - flat * rng.uniform(0.93, 0.99), 0)
    height -= np.clip(bore * 1.13 - r, 0, 0.12)
    deep = np.clip(bore - r, 0, None)
    height -= 1.6 * deep + 0.02 * (deep > 0) * np.sin(deep * (2 * np.pi / 0.045))
    edge = np.minimum(inside, r - 0.84 * bore)
    if flanged:
        height = np.maximum(height, np.where(r > bore, 0.16 * fillet(1 - r, 0.12) - 0.25 * r, -9))
        edge = np.minimum(1 - r, r - 0.84 * bore)
    return Relief(as_float32(height), cover(edge, grid), as_float32(r), rng.uniform(0.22, 0.4), 0.5)


def washer(rng: np.random.Generator, grid: Grid) -> Relief:
    """Models a flat ring; some rings are split, as lock washers are."""
    r = np.hypot(grid.u, grid.v)
    bore = rng.uniform(0.42, 0.66)
    edge = np.minimum(1 - r, r - bore)
    if rng.random() < 0.15:
        gap = np.where(grid.u > 0, np.abs(grid.v + 0.35 * (grid.u - 0.8)) - rng.uniform(0.03, 0.07), 9)
        edge = np.minimum(edge, gap)
    height = 0.06 * fillet(edge, rng.uniform(0.03, 0.09)) + rng.uniform(-0.06, 0.06) * r
    return Relief(as_float32(height), cover(edge, grid), as_float32(r), rng.uniform(0.05, 0.1), 0.1)


def gear(rng: np.random.Generator, grid: Grid) -> Relief:
    """Models a spur gear: teeth, a web that may have holes, a hub, and a bore with or without a keyway."""
    r, turn = np.hypot(grid.u, grid.v), as_float32(np.arctan2(grid.v, grid.u) / (2 * np.pi))
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
        away = distance_from_ring(r, turn, middle, holes)
        solid &= away > (rim - hub) * 0.36
    edge = depth_inside(solid, grid)
    height = 0.07 * fillet(edge, 0.05) - rng.uniform(0.05, 0.12) * fillet(web, 0.05)
    alpha = cv2.GaussianBlur(solid.astype(np.float32), (3, 3), 0)
    return Relief(as_float32(height), as_float32(alpha), as_float32(r), rng.uniform(0.12, 0.25), 0.3)


def spring(rng: np.random.Generator, grid: Grid) -> Relief:
    """Models a coil spring on its side, with closed ends."""
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
        strand = draw_wire(grid, as_float32(along), as_float32(across), side, wire)
        tube = wire * fillet(depth_inside(strand > 127, grid), wire)
        height = np.where(strand > 127, tube * 1.1 + sign * 0.3 * dome, height)
        alpha = np.maximum(alpha, strand / np.float32(255))
    height = np.maximum(height, -radius)
    return Relief(as_float32(height), as_float32(alpha), as_float32(grid.u * 0.3 + grid.v), 0.0, radius)


def bearing(rng: np.random.Generator, grid: Grid) -> Relief:
    """Models a ball bearing: two rings, with balls in a cage or a shield between them."""
    r, turn = np.hypot(grid.u, grid.v), as_float32(np.arctan2(grid.v, grid.u) / (2 * np.pi))
    bore, inner, outer = rng.uniform(0.34, 0.42), rng.uniform(0.52, 0.57), rng.uniform(0.78, 0.83)
    edge = np.minimum(1 - r, r - bore)
    groove = np.minimum(outer - r, r - inner)
    height = 0.1 * fillet(edge, 0.05)
    if rng.random() < 0.25:
        height -= 0.05 * fillet(groove, 0.03) - 0.03 * fillet(groove - 0.03, 0.04)
    else:
        middle, size = (inner + outer) / 2, (outer - inner) * 0.46
        balls = int(rng.integers(8, int(2 * np.pi * middle / (2.15 * size)) + 1))
        away = distance_from_ring(r, turn, middle, balls)
        cage = -0.16 - 0.04 * np.abs(r - middle) / size
        ball = np.sqrt(np.maximum(size**2 - away**2, 0)) - 0.16
        low = np.where(away < size, ball, np.where(np.abs(r - middle) < size * 0.45, cage, -0.34))
        height = np.where(groove > 0, low, height)
    return Relief(as_float32(height), cover(edge, grid), as_float32(r), rng.uniform(0.2, 0.35), 0.4)


SHAPES: dict[str, Callable[[np.random.Generator, Grid], Relief]] = {
    "bearing": bearing,
    "bolt": bolt,
    "gear": gear,
    "nut": nut,
    "spring": spring,
    "washer": washer,
}
"""The parts by class, in alphabetical order."""
