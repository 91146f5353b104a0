"""Draws the belt under the parts, and imitates the camera above it."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from edgetl.host.demo.relief import Field
from edgetl.vision.arrays import Image

_COLORS = (
    (0.15, 0.15, 0.15),
    (0.22, 0.23, 0.24),
    (0.24, 0.32, 0.16),
    (0.36, 0.27, 0.18),
    (0.42, 0.44, 0.44),
    (0.50, 0.54, 0.55),
)
"""The colours of rubber and PVC belts, BGR, 0..1."""
_NOISE_MARGIN = 32
"""The noise is larger than a frame by this, px, so that each frame takes another piece of it."""


def draw_belt(rng: np.random.Generator, size_wh: tuple[int, int]) -> Field:
    """Draws an empty belt that runs along x, with weave, dirt, scratches and sometimes a seam.

    Args:
        rng: the random numbers.
        size_wh: the width and height, px.

    Returns:
        The picture, (H, W, 3) float32 BGR, 0..1.
    """
    w, h = size_wh
    color = np.array(_COLORS[int(rng.integers(len(_COLORS)))], np.float32) * rng.uniform(0.8, 1.15)
    grey = 1 + _weave(rng, w, h) + rng.normal(0, 0.035, (h, w)).astype(np.float32)
    for cell, depth in ((90, 0.07), (25, 0.05), (5, 0.04)):
        grey += _clouds(rng, w, h, cell) * np.float32(depth)
    streaks = rng.normal(0, 1, (h, 1)).astype(np.float32)
    grey += cv2.GaussianBlur(streaks, (1, 0), sigmaX=0.1, sigmaY=1.5) * np.float32(rng.uniform(0, 0.06))
    lines = _scratches(rng, w, h)
    if rng.random() < 0.35:
        _seam(rng, lines, w, h)
    grey += cv2.GaussianBlur(lines, (0, 0), 0.6)
    spots = np.maximum(_clouds(rng, w, h, 14) - 1.5, 0) * rng.uniform(0, 0.6)
    grey *= 1 - np.clip(spots, 0, 0.6)
    return np.clip(grey[..., None] * color, 0, 1).astype(np.float32)


def _weave(rng: np.random.Generator, w: int, h: int) -> Field:
    """Returns a cloth or diamond pattern that is pressed into the belt: (H, W) float32, brightness to add."""
    step, depth = rng.uniform(3.5, 11), rng.uniform(0, 0.05)
    x, y = np.arange(w, dtype=np.float32) * (2 * np.pi / step), np.arange(h, dtype=np.float32) * (2 * np.pi / step)
    if rng.random() < 0.5:
        pattern = np.sin(x) * np.sin(y)[:, None]
    else:
        pattern = np.maximum(np.sin((x + y[:, None]) / 2), np.sin((x - y[:, None]) / 2)) - 0.4
    return np.asarray(pattern * depth, np.float32)


def _clouds(rng: np.random.Generator, w: int, h: int, cell: int) -> Field:
    """Returns smooth noise of about unit deviation, (H, W) float32, with spots about `cell` px wide."""
    coarse = rng.normal(0, 1, (h // cell + 3, w // cell + 3)).astype(np.float32)
    return np.asarray(cv2.resize(coarse, (w, h), interpolation=cv2.INTER_CUBIC), np.float32)


def _scratches(rng: np.random.Generator, w: int, h: int) -> Field:
    """Returns thin marks, most of them along the belt: (H, W) float32, brightness to add."""
    lines = np.zeros((h, w), np.float32)
    for _ in range(int(rng.poisson(w * h / 9000))):
        x, y = rng.uniform(0, w), rng.uniform(0, h)
        turn, length = rng.normal(0, 0.35), rng.exponential(0.25 * h)
        end = int(x + length * np.cos(turn)), int(y + length * np.sin(turn))
        cv2.line(lines, (int(x), int(y)), end, rng.normal(0.05, 0.2), 1, cv2.LINE_AA)
    return lines


def _seam(rng: np.random.Generator, lines: Field, w: int, h: int) -> None:
    """Adds the splice of the belt's ends to `lines`, (H, W) float32: a straight one, or one with fingers."""
    fingers, x = rng.choice([0.0, rng.uniform(8, 24)]), rng.uniform(0, w)
    y = np.arange(-10, h + 40, 14)
    points = np.stack([x + fingers * (np.arange(len(y)) % 2) + 0.15 * y, y], axis=1)
    cv2.polylines(lines, [np.rint(points).astype(np.int32)], False, rng.uniform(-0.5, -0.25), 2, cv2.LINE_AA)
    cv2.polylines(lines, [np.rint(points + 2).astype(np.int32)], False, 0.15, 1, cv2.LINE_AA)


@dataclass(frozen=True, slots=True)
class Camera:
    """A camera's light, lens and sensor, which stay the same for all frames of a film.

    Attributes:
        exposure: (H, W, 3) float32, the factor of each pixel's light.
        motion: the distance that the belt moves along x during an exposure, px.
        defocus: the standard deviation of the lens's blur, px.
        noise: (H + 32, W + 32, 3) float32, the noise of which each frame takes a piece.
    """

    exposure: Field
    motion: int
    defocus: float
    noise: Field

    @classmethod
    def of(cls, rng: np.random.Generator, size_wh: tuple[int, int]) -> Camera:
        """Returns a camera with random defects.

        Args:
            rng: the random numbers.
            size_wh: the width and height of its pictures, px.
        """
        w, h = size_wh
        x, y = np.linspace(-1, 1, w, dtype=np.float32), np.linspace(-1, 1, h, dtype=np.float32)[:, None]
        turn, slope, corner = rng.uniform(0, 2 * np.pi), rng.uniform(0, 0.35), rng.uniform(0, 0.2)
        light = 1 + slope * (x * np.cos(turn) + y * np.sin(turn)) - corner * (x * x + y * y)
        warmth = rng.normal(0, 0.08)
        gain = rng.uniform(1.0, 1.5) * np.array([1 - warmth, 1 + rng.normal(0, 0.015), 1 + warmth])
        motion = int(rng.choice([1, 1, 2, 3, 5]) * h / 240)
        defocus = float(rng.choice([0.0, rng.uniform(0.4, 1.3)])) * h / 240
        size = h + _NOISE_MARGIN, w + _NOISE_MARGIN
        noise = rng.standard_normal((*size, 3), np.float32) * np.float32(rng.uniform(0.006, 0.022))
        noise += noise[::-1, :, :1].copy()  # a part of the noise is common to the colours
        return cls((light[..., None] * gain).astype(np.float32), max(1, motion), defocus, noise)

    def __call__(self, rng: np.random.Generator, scene: Field) -> Image:
        """Takes a picture of a scene.

        Args:
            rng: the random numbers.
            scene: the light of each pixel, (H, W, 3) float32 BGR, 0..1.

        Returns:
            The picture, (H, W, 3) uint8 BGR.
        """
        h, w = scene.shape[:2]
        if self.defocus:
            scene = cv2.GaussianBlur(scene, (0, 0), self.defocus).astype(np.float32)
        if self.motion > 1:
            scene = cv2.blur(scene, (self.motion, 1)).astype(np.float32)
        y, x = rng.integers(_NOISE_MARGIN + 1, size=2)
        seen = scene * self.exposure
        seen += self.noise[y : y + h, x : x + w] * (0.5 + seen)
        return np.asarray(cv2.convertScaleAbs(np.maximum(seen, 0), alpha=255), np.uint8)
