"""Augments photos with their boxes: flips, zooms, shifts and mosaics, in one OpenCV warp a photo.

A mosaic puts four photos into one (Bochkovskiy et al., "YOLOv4", 2020): it shows more boxes a step, at more sizes.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from edgetl.vision.arrays import Image
from edgetl.vision.preprocess import GREY

Boxes = NDArray[np.float32]
"""(K, 5) float32, class and xyxy, input px."""

_GREY = (GREY, GREY, GREY)
"""The colour outside a photo is that of letterboxing, 0..255."""
_LEAST_AREA = 0.25
"""A box is dropped if less than this share of its area is left in the picture: too little shows to recognise it by."""
_LEAST_SIDE = 2.0
"""A box is dropped if a side is shorter than this, px: no cell can see it."""


@dataclass(frozen=True, slots=True)
class BoxAugment:
    """The random changes of photos, which differ from epoch to epoch.

    Attributes:
        flip: whether half of the photos are mirrored.
        smallest: the smallest scale at which a photo is shown, as a share of its size.
        largest: the largest scale at which a photo is shown, as a multiple of its size.
        mosaic: the share of the pictures that are made of four photos, 0..1.
    """

    flip: bool = True
    smallest: float = 0.5
    largest: float = 1.6
    mosaic: float = 0.5

    def one(self, rng: np.random.Generator, pixels: Image, boxes: Boxes) -> tuple[Image, Boxes]:
        """Flips, zooms and shifts a photo.

        Args:
            rng: the random numbers of this picture.
            pixels: the photo, (H, W, 3) uint8.
            boxes: the photo's boxes, (K, 5) float32, class and xyxy in px.

        Returns:
            A picture, (H, W, 3) uint8, and the boxes that are left in it, (L, 5) float32.
        """
        height, width = pixels.shape[:2]
        scale = self._scale(rng)
        room = np.array([width - scale * width, height - scale * height])
        corner = rng.uniform(np.minimum(room, 0), np.maximum(room, 0))
        out = np.full_like(pixels, GREY)
        return out, _paste(out, pixels, boxes, scale, corner, (0, 0, width, height), self._mirror(rng))

    def four(self, rng: np.random.Generator, photos: list[tuple[Image, Boxes]]) -> tuple[Image, Boxes]:
        """Puts four photos into one picture, around a random point.

        Args:
            rng: the random numbers of this picture.
            photos: four photos of one size, (H, W, 3) uint8, each with its boxes, (K, 5) float32.

        Returns:
            A picture, (H, W, 3) uint8, and the boxes that are left in it, (L, 5) float32.
        """
        height, width = photos[0][0].shape[:2]
        x, y = int(rng.uniform(0.3, 0.7) * width), int(rng.uniform(0.3, 0.7) * height)
        out = np.full_like(photos[0][0], GREY)
        windows = ((0, 0, x, y), (x, 0, width, y), (0, y, x, height), (x, y, width, height))
        found = []
        for window, (pixels, boxes) in zip(windows, photos, strict=True):
            x1, y1, x2, y2 = window
            # The scale lies between the window's size and the photo's own: small photos alone would show no details.
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
    """Draws a photo into a window of a picture; returns its boxes in the picture, (L, 5) float32, class and xyxy in px.

    Args:
        out: the picture, (H, W, 3) uint8, which is changed.
        pixels: the photo, (H, W, 3) uint8.
        boxes: the photo's boxes, (K, 5) float32, class and xyxy in px.
        scale: the factor from the photo's pixels to the picture's.
        corner: (2,) float64, the photo's upper left corner x, y in the picture, px.
        window: the window's xyxy in the picture, px.
        mirror: whether the photo is flipped left to right.
    """
    width = pixels.shape[1]
    a, shift = (-scale, scale * width + corner[0]) if mirror else (scale, corner[0])
    x1, y1, x2, y2 = window
    # OpenCV counts from the centres of pixels, boxes from their corners; the difference is half a pixel.
    half = 0.5 * (a - 1), 0.5 * (scale - 1)
    matrix = np.array([[a, 0, shift - x1 + half[0]], [0, scale, corner[1] - y1 + half[1]]])
    size = (x2 - x1, y2 - y1)
    out[y1:y2, x1:x2] = cv2.warpAffine(pixels, matrix, size, flags=cv2.INTER_LINEAR, borderValue=_GREY)
    moved = boxes.copy()
    moved[:, [1, 3]] = boxes[:, [3, 1] if mirror else [1, 3]] * a + shift
    moved[:, [2, 4]] = boxes[:, [2, 4]] * scale + corner[1]
    return _clip(moved, window)


def _clip(boxes: Boxes, window: tuple[int, int, int, int]) -> Boxes:
    """Clips boxes to a window, and drops those of which too little is left.

    Args:
        boxes: (K, 5) float32, class and xyxy in px.
        window: the window's xyxy, px.

    Returns:
        (L, 5) float32, class and xyxy in px.
    """
    x1, y1, x2, y2 = window
    clipped = boxes.copy()
    clipped[:, 1::2] = boxes[:, 1::2].clip(x1, x2)
    clipped[:, 2::2] = boxes[:, 2::2].clip(y1, y2)
    sides = clipped[:, 3:] - clipped[:, 1:3]
    areas = (boxes[:, 3:] - boxes[:, 1:3]).prod(axis=1)
    left = sides.prod(axis=1) / np.maximum(areas, 1e-6)
    return np.asarray(clipped[(left >= _LEAST_AREA) & (sides >= _LEAST_SIDE).all(axis=1)], np.float32)
