"""Draws random pictures: textures, fractals, and shapes of both, with light and shadow and over each other.

Networks can learn from drawn pictures: see Kataoka et al., "Pre-training without Natural Images", 2020 (iterated
function systems), and Baradad et al., "Learning to See by Looking at Noise", 2021 (dead leaves).
"""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.uint8]
Field = NDArray[np.float32]
Random = np.random.Generator

_HEIGHT, _WIDTH = 256, 320
"""The size of the pictures, px: a little larger than the largest input of the network."""


def draw(rng: Random) -> Image:
    """Draws a picture, (256, 320, 3) uint8 BGR."""
    kinds: tuple[Callable[[Random], Field], ...] = (_texture, _fractal, _leaves, _solids)
    picture = kinds[rng.choice(4, p=(0.2, 0.2, 0.3, 0.3))](rng)
    noise = rng.normal(0, rng.uniform(0, 0.03), picture.shape)
    picture = picture + noise.astype(np.float32)
    if rng.random() < 0.3:
        picture = cv2.GaussianBlur(picture, (0, 0), rng.uniform(0.5, 1.5))
    return np.clip(picture * 255, 0, 255).astype(np.uint8)


def _grid() -> tuple[Field, Field]:
    """Returns x and y of each pixel, (H, W) float32 each, in heights of the picture."""
    y, x = np.mgrid[0:_HEIGHT, 0:_WIDTH].astype(np.float32)
    return x / _HEIGHT, y / _HEIGHT


def _clouds(rng: Random, roughness: float) -> Field:
    """Returns noise in octaves, each `roughness` times as strong as the coarser one: (H, W) float32, 0..1."""
    field = np.zeros((_HEIGHT, _WIDTH), np.float32)
    first = int(rng.integers(2, 6))
    for octave in range(6):
        side = first * 2**octave
        grain = rng.random((side, side), dtype=np.float32)
        field += roughness**octave * cv2.resize(grain, (_WIDTH, _HEIGHT), interpolation=cv2.INTER_CUBIC)
    return _spread(field)


def _spread(field: Field) -> Field:
    """Stretches values to 0..1."""
    low, high = field.min(), field.max()
    return (field - low) / max(float(high - low), 1e-6)


def _pattern(rng: Random) -> Field:
    """Returns stripes, checks, dots, bricks or rings, bent by noise: (H, W) float32, 0..1."""
    x, y = _grid()
    bend = rng.uniform(0, 0.25) * rng.integers(0, 2)
    x, y = x + bend * _clouds(rng, 0.4), y + bend * _clouds(rng, 0.4)
    angle, scale = rng.uniform(0, np.pi), rng.uniform(3, 40)
    u = (x * np.cos(angle) + y * np.sin(angle)) * scale
    v = (y * np.cos(angle) - x * np.sin(angle)) * scale * rng.uniform(0.4, 1)
    kind = rng.integers(5)
    if kind == 0:
        wave = np.sin(u * np.pi)
    elif kind == 1:
        wave = np.sin(u * np.pi) * np.sin(v * np.pi)
    elif kind == 2:
        wave = 1 - 4 * np.hypot(u % 1 - 0.5, v % 1 - 0.5)
    elif kind == 3:
        shifted = u + 0.5 * (np.floor(v) % 2)
        wave = np.minimum(np.abs(shifted % 1 - 0.5), np.abs(v % 1 - 0.5)) * 8 - 1
    else:
        wave = np.sin(np.hypot(x - rng.random(), y - rng.random()) * scale * 3)
    return np.clip(wave * rng.choice((1.0, 6.0)) / 2 + 0.5, 0, 1).astype(np.float32)


def _palette(rng: Random, colours: int) -> Field:
    """Returns colours near each other or far apart, (colours, 3) float32, 0..1."""
    bright = rng.random(3) + rng.uniform(0.05, 0.8) * rng.normal(size=(colours, 3))
    grey = bright.mean(1, keepdims=True)
    return np.clip(grey + rng.uniform(0.1, 1) * (bright - grey), 0, 1).astype(np.float32)


def _texture(rng: Random) -> Field:
    """Draws a surface, (H, W, 3) float32, 0..1."""
    roughness = rng.uniform(0.3, 0.9)
    field = _clouds(rng, roughness) if rng.random() < 0.5 else _pattern(rng)
    if rng.random() < 0.4:
        field = _spread(field + rng.uniform(0.2, 1) * _clouds(rng, roughness))
    if rng.random() < 0.3:  # marble: the values repeat
        field = np.abs(np.sin(field * rng.uniform(4, 25)))
    stops = _palette(rng, int(rng.integers(2, 5)))
    at = field * (len(stops) - 1)
    low = np.minimum(at.astype(np.int32), len(stops) - 2)
    share = (at - low)[..., None]
    return (stops[low] * (1 - share) + stops[low + 1] * share).astype(np.float32)


def _fractal(rng: Random) -> Field:
    """Draws the attractor of a few contracting affine maps over a surface, (H, W, 3) float32, 0..1."""
    count, walkers, steps = int(rng.integers(2, 7)), 3000, 60
    maps = rng.uniform(-1, 1, (count, 2, 2))
    maps *= (rng.uniform(0.4, 0.85, count) / np.linalg.norm(maps, 2, axis=(1, 2)))[:, None, None]
    shifts = rng.uniform(-1, 1, (count, 2))
    points, trail = rng.uniform(-1, 1, (walkers, 2)), []
    for step in range(steps):
        chosen = rng.integers(count, size=walkers)
        points = np.einsum("nij,nj->ni", maps[chosen], points) + shifts[chosen]
        if step >= 10:
            trail.append(points)
    dots = np.concatenate(trail)
    low, high = np.percentile(dots, 1, axis=0), np.percentile(dots, 99, axis=0)
    size = np.array([_WIDTH, _HEIGHT]) * 0.9
    places = ((dots - low) / np.maximum(high - low, 1e-6) * size + size / 18).astype(np.int32)
    inside = (places >= 0).all(1) & (places < (_WIDTH, _HEIGHT)).all(1)
    density = np.zeros((_HEIGHT, _WIDTH), np.float32)
    np.add.at(density, (places[inside, 1], places[inside, 0]), 1)
    cover = np.clip(cv2.GaussianBlur(density, (0, 0), rng.uniform(0.6, 2)) * rng.uniform(0.5, 2), 0, 1)[..., None]
    colour = _texture(rng) if rng.random() < 0.5 else _palette(rng, 1)
    return (_texture(rng) if rng.random() < 0.5 else _palette(rng, 1)) * (1 - cover) + colour * cover


def _outline(rng: Random, radius: float) -> NDArray[np.int32]:
    """Returns a polygon, star, blob or ellipse around a random place, (corners, 2) int32 x, y, px."""
    kind = rng.integers(4)
    corners = int(rng.integers(3, 9)) if kind < 2 else 48
    angles = np.sort(rng.uniform(0, 2 * np.pi, corners)) if kind == 0 else np.arange(corners) * 2 * np.pi / corners
    reach = np.ones(corners)
    if kind == 1 and rng.random() < 0.5:
        angles, reach = np.arange(2 * corners) * np.pi / corners, np.tile([1, rng.uniform(0.3, 0.8)], corners)
    elif kind == 2:
        reach += 0.3 * sum(rng.normal() * np.sin(k * angles + rng.uniform(0, 6)) / k for k in range(2, 6))
    stretch, turn = np.array([1, rng.uniform(0.25, 1)]), rng.uniform(0, 2 * np.pi)
    points = np.stack([np.cos(angles), np.sin(angles)], 1) * reach[:, None] * stretch * radius
    spin = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    return np.int32(points @ spin + rng.uniform((0, 0), (_WIDTH, _HEIGHT)))


def _leaves(rng: Random) -> Field:
    """Draws dead leaves: many shapes over each other, most of them small; (H, W, 3) float32, 0..1."""
    picture = _texture(rng)
    surfaces = [_texture(rng) for _ in range(3)]
    for _ in range(int(rng.integers(5, 120))):
        radius = min(120.0, 8 / rng.uniform(0.05, 1) ** 1.2)
        mask = np.zeros((_HEIGHT, _WIDTH), np.uint8)
        cv2.fillPoly(mask, [_outline(rng, radius)], 1)
        where = mask.astype(bool)
        if rng.random() < 0.4:
            picture[where] = surfaces[rng.integers(3)][where]
        else:
            picture[where] = _palette(rng, 1)[0]
    return picture


def _solids(rng: Random) -> Field:
    """Draws a few bodies with light and shadow on a surface, (H, W, 3) float32, 0..1."""
    picture = _texture(rng) * rng.uniform(0.5, 1)
    light = rng.normal(size=3)
    light[2] = abs(light[2]) + 0.3
    light /= np.linalg.norm(light)
    for _ in range(int(rng.integers(1, 7))):
        mask = np.zeros((_HEIGHT, _WIDTH), np.uint8)
        cv2.fillPoly(mask, [_outline(rng, rng.uniform(20, 110))], 1)
        picture *= 1 - 0.6 * _shadow(mask, light)[..., None]
        body = _texture(rng) if rng.random() < 0.5 else np.broadcast_to(_palette(rng, 1), picture.shape)
        where = mask.astype(bool)
        picture[where] = (body * _shade(rng, mask, light))[where]
    return picture


def _shadow(mask: Image, light: NDArray[np.float64]) -> Field:
    """Returns the soft shadow of a body, (H, W) float32, 0..1.

    Args:
        mask: (H, W) uint8, 1 inside the body.
        light: (3,) float64, the direction to the light.
    """
    shift = np.float32([[1, 0, -12 * light[0] / light[2]], [0, 1, -12 * light[1] / light[2]]])
    return cv2.GaussianBlur(cv2.warpAffine(mask.astype(np.float32), shift, (_WIDTH, _HEIGHT)), (0, 0), 5)


def _shade(rng: Random, mask: Image, light: NDArray[np.float64]) -> Field:
    """Returns the brightness of a body, (H, W, 1) float32: rounded towards its edge, matt to glossy.

    Args:
        rng: the random numbers.
        mask: (H, W) uint8, 1 inside the body.
        light: (3,) float64, the direction to the light.
    """
    depth = cv2.distanceTransform(mask, cv2.DIST_L2, 5)
    height = np.sqrt(np.minimum(depth / max(float(depth.max()) * rng.uniform(0.2, 1), 1), 1)) * rng.uniform(5, 60)
    height = cv2.GaussianBlur(height.astype(np.float32), (0, 0), 1.5)
    slope_x, slope_y = cv2.Sobel(height, cv2.CV_32F, 1, 0) / 8, cv2.Sobel(height, cv2.CV_32F, 0, 1) / 8
    facing = (light[2] - slope_x * light[0] - slope_y * light[1]) / np.sqrt(1 + slope_x**2 + slope_y**2)
    facing = np.clip(facing, 0, 1)
    return (0.3 + 0.7 * facing + rng.uniform(0, 0.8) * facing ** rng.uniform(8, 40)).astype(np.float32)[..., None]
