"""Augmentation that moves boxes with their pixels: flips, zooms, shifts and mosaics, in one OpenCV warp a picture.

A mosaic puts four photos side by side (Bochkovskiy et al., "YOLOv4", 2020): more boxes a step, at more sizes.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from edgetl.vision.arrays import Image

Boxes = NDArray[np.float32]
"""(K, 5) class and xyxy, input px."""

_GREY = (114, 114, 114)
_LEAST_LEFT = 0.25
"""A box of which less than this share of its area is left in the picture is no longer told as one."""
_LEAST_SIDE = 2.0


@dataclass(frozen=True, slots=True)
class BoxAugment:
    """How photos vary from one epoch to the next.

    Attributes:
        flip: mirror half of the pictures.
        smallest: a photo is shown at this share of its size, at least.
        largest: at most.
        mosaic: share of the pictures made of four photos.
    """

    flip: bool = True
    smallest: float = 0.5
    largest: float = 1.6
    mosaic: float = 0.5

    def one(self, rng: np.random.Generator, pixels: Image, boxes: Boxes) -> tuple[Image, Boxes]:
        """Varies a photo.

        Args:
            rng: of this picture.
            pixels: (H, W, 3) uint8.
            boxes: of the photo.

        Returns:
            A picture of the same size, and the boxes that are left in it.
        """
        height, width = pixels.shape[:2]
        scale = self._scale(rng)
        room = np.array([width - scale * width, height - scale * height])
        corner = rng.uniform(np.minimum(room, 0), np.maximum(room, 0))
        out = np.full_like(pixels, _GREY[0])
        return out, _paste(out, pixels, boxes, scale, corner, (0, 0, width, height), self._mirror(rng))

    def four(self, rng: np.random.Generator, photos: list[tuple[Image, Boxes]]) -> tuple[Image, Boxes]:
        """Puts four photos of one size into a picture of that size, around a random point."""
        height, width = photos[0][0].shape[:2]
        x, y = int(rng.uniform(0.3, 0.7) * width), int(rng.uniform(0.3, 0.7) * height)
        out = np.full_like(photos[0][0], _GREY[0])
        windows = ((0, 0, x, y), (x, 0, width, y), (0, y, x, height), (x, y, width, height))
        found = []
        for window, (pixels, boxes) in zip(windows, photos, strict=True):
            x1, y1, x2, y2 = window
            # From about its window's size to its own, cut: all as small as a window would never show details.
            scale = float(np.exp(rng.uniform(np.log(max((x2 - x1) / width, (y2 - y1) / height)), 0)))
            room = np.array([x2 - x1 - scale * width, y2 - y1 - scale * height])
            corner = rng.uniform(np.minimum(room, 0), np.maximum(room, 0)) + np.array([x1, y1])
            found.append(_paste(out, pixels, boxes, scale, corner, window, self._mirror(rng)))
        return out, np.concatenate(found)

    def _scale(self, rng: np.random.Generator) -> float:
        return float(np.exp(rng.uniform(np.log(self.smallest), np.log(self.largest))))

    def _mirror(self, rng: np.random.Generator) -> bool:
        return self.flip and bool(rng.random() < 0.5)


def _paste(
    out: Image,
    pixels: Image,
    boxes: Boxes,
    scale: float,
    corner: NDArray[np.float64],
    window: tuple[int, int, int, int],
    mirror: bool,
) -> Boxes:
    """Draws a photo into a window of a picture; returns its boxes as they lie there."""
    width = pixels.shape[1]
    a, shift = (-scale, scale * width + corner[0]) if mirror else (scale, corner[0])
    x1, y1, x2, y2 = window
    # OpenCV counts from the pixels' centres, boxes from their corners: half a pixel lies between the two.
    half = 0.5 * (a - 1), 0.5 * (scale - 1)
    matrix = np.array([[a, 0, shift - x1 + half[0]], [0, scale, corner[1] - y1 + half[1]]])
    size = (x2 - x1, y2 - y1)
    out[y1:y2, x1:x2] = cv2.warpAffine(pixels, matrix, size, flags=cv2.INTER_LINEAR, borderValue=_GREY)
    moved = boxes.copy()
    moved[:, [1, 3]] = boxes[:, [3, 1] if mirror else [1, 3]] * a + shift
    moved[:, [2, 4]] = boxes[:, [2, 4]] * scale + corner[1]
    return _cut(moved, window)


def _cut(boxes: Boxes, window: tuple[int, int, int, int]) -> Boxes:
    """Clips boxes to a window, and leaves out those of which too little is left."""
    x1, y1, x2, y2 = window
    cut = boxes.copy()
    cut[:, 1::2] = boxes[:, 1::2].clip(x1, x2)
    cut[:, 2::2] = boxes[:, 2::2].clip(y1, y2)
    sides = cut[:, 3:] - cut[:, 1:3]
    whole = (boxes[:, 3:] - boxes[:, 1:3]).prod(axis=1)
    left = sides.prod(axis=1) / np.maximum(whole, 1e-6)
    kept: Boxes = cut[(left >= _LEAST_LEFT) & (sides >= _LEAST_SIDE).all(axis=1)]
    return kept
