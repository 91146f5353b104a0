"""Cuts the boxes out of photos, so that a detector's data set can be judged like a classifier's."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from edgetl.card import InputSpec
from edgetl.errors import DatasetError
from edgetl.host.dataset.boxes.load import BoxedPhotos
from edgetl.host.dataset.boxes.truth import Truth
from edgetl.host.dataset.load import Photos
from edgetl.host.probe.sample import draw
from edgetl.vision.arrays import BoxesXyxy, ClassIds, Floats, Image, Integers
from edgetl.vision.letterbox import place

BACKGROUND = "background"
"""The further class: crops that show nothing that has a box."""
CROP_SIZE = 96
"""Crops have this height and width, px: the smallest input of a backbone, because most boxes have fewer pixels."""

_MARGIN = 1.2
"""A crop is this many times as wide as the longer side of its box, because the surroundings belong to what is seen."""
_MOST_COVERED = 0.1
"""At most this share of a background crop's area lies in any one box, 0..1."""
_TRIES = 10
"""A background crop is looked for at this many places of a photo."""

Window = tuple[int, Integers]
"""A photo's position, and a square in its pixels: (4,) int64 left, top, right, bottom, px of the input."""


@dataclass(frozen=True, slots=True, eq=False)
class Boxes:
    """N boxes that can be cut out of their photos.

    Attributes:
        photos: the position of each box's photo, (N,) int64.
        rows: the position of each box among the true boxes of its photo, (N,) int64.
        classes: the class of each box, (N,) int64.
        xyxy: the boxes, (N, 4) float32, px of the input.
    """

    photos: Integers
    rows: Integers
    classes: ClassIds
    xyxy: BoxesXyxy

    def __len__(self) -> int:
        return len(self.classes)

    def subset(self, positions: Integers) -> Boxes:
        """Returns some of the boxes.

        Args:
            positions: the positions of the boxes, (M,) int64 in 0..N-1.
        """
        return Boxes(self.photos[positions], self.rows[positions], self.classes[positions], self.xyxy[positions])


def find_boxes(photos: BoxedPhotos, spec: InputSpec) -> Boxes:
    """Returns the boxes that are neither ignored nor smaller than a pixel of the input.

    Args:
        photos: the photos.
        spec: the form of the photos' pixels.
    """
    limit = np.array((spec.width, spec.height) * 2, np.float32)
    owners, rows, classes, places = [np.empty(0, np.int64)], [np.empty(0, np.int64)], [np.empty(0, np.int64)], []
    for i, truth in enumerate(photos.truth):
        width, height = _size(truth, spec)
        xyxy = np.clip(place(height, width, spec).to_input(truth.xyxy), 0, limit)
        seen = np.flatnonzero(~truth.ignore & ((xyxy[:, 2:] - xyxy[:, :2]) >= 1).all(axis=1))
        owners.append(np.full(len(seen), i))
        rows.append(seen)
        classes.append(truth.class_id[seen])
        places.append(xyxy[seen])
    joined = np.concatenate([np.empty((0, 4), np.float32), *places])
    return Boxes(np.concatenate(owners), np.concatenate(rows), np.concatenate(classes), joined)


def cut_crops(photos: BoxedPhotos, classes: int, spec: InputSpec, most: int, seed: int = 0) -> Photos:
    """Cuts crops of the boxes out of photos, and crops of the background as one more class.

    Each class has about the same number of crops if it has enough boxes, because mAP is a mean over the classes.

    Args:
        photos: the photos.
        classes: the number of classes C; the background becomes class C.
        spec: the form of the photos' pixels.
        most: the largest number of crops.
        seed: the seed of the choice.

    Returns:
        N crops with their classes and the files of their photos; the background is missing if the boxes leave no place
        for it.

    Raises:
        DatasetError: no box is as large as a pixel.
    """
    found = find_boxes(photos, spec)
    if not len(found):
        raise DatasetError("the boxes are too small to see", remedy="give photos with larger boxes, or a larger --size")
    share = max(2, most // (classes + 1))
    chosen = found.subset(draw(found.classes, np.full(classes, share), seed))
    return cut_boxes(photos, chosen, classes, spec, share, seed)


def cut_boxes(
    photos: BoxedPhotos, boxes: Boxes, background: int, spec: InputSpec, most_empty: int, seed: int = 0
) -> Photos:
    """Cuts the crops of some boxes out of their photos, followed by crops of the background.

    Args:
        photos: the photos.
        boxes: the boxes, at least one.
        background: the class of the background.
        spec: the form of the photos' pixels.
        most_empty: the largest number of crops of the background.
        seed: the seed of the places of the background.

    Returns:
        The crops with their classes and the files of their photos; `pixels` is (N, 96, 96, 3) uint8.
    """
    shown = [(i, _window(xyxy, spec)) for i, xyxy in zip(boxes.photos.tolist(), boxes.xyxy, strict=True)]
    windows = [window for _, window in shown]
    places = [*shown, *(_backgrounds(photos, spec, windows, most_empty, seed) if most_empty else ())]
    pixels = np.stack([_crop(photos.picture(i), window) for i, window in places])
    labels = np.concatenate([boxes.classes, np.full(len(places) - len(shown), background, np.int64)])
    return Photos(pixels, np.arange(len(labels)), tuple(photos.paths[i] for i, _ in places), labels)


def _size(truth: Truth, spec: InputSpec) -> tuple[int, int]:
    """Returns width and height of a photo, px; those of the input if they aren't known."""
    return truth.size_wh if min(truth.size_wh) > 0 else (spec.width, spec.height)


def _window(xyxy: BoxesXyxy, spec: InputSpec) -> Integers:
    """Returns the square around a box, moved into the photo, (4,) int64 xyxy, px of the input.

    Args:
        xyxy: the box, (4,) float32, px of the input.
        spec: the form of the photo's pixels.
    """
    limit = np.array([spec.width, spec.height])
    side = min(int(np.ceil(max(xyxy[2:] - xyxy[:2]) * _MARGIN)), int(limit.min()))
    corner = np.clip(np.round((xyxy[:2] + xyxy[2:] - side) / 2).astype(np.int64), 0, limit - side)
    return np.concatenate([corner, corner + side])


def _crop(picture: Image, window: Integers) -> Image:
    left, top, right, bottom = window.tolist()
    size = (CROP_SIZE, CROP_SIZE)
    return np.asarray(cv2.resize(picture[top:bottom, left:right], size, interpolation=cv2.INTER_AREA), np.uint8)


def _backgrounds(photos: BoxedPhotos, spec: InputSpec, shown: Sequence[Integers], most: int, seed: int) -> list[Window]:
    """Returns squares of the boxes' sizes that show no box, at most two in each photo."""
    rng = np.random.default_rng(seed)
    found: list[Window] = []
    for i in np.tile(rng.permutation(len(photos)), 2).tolist():
        window = shown[int(rng.integers(len(shown)))]
        corner = _free_place(photos, spec, i, int(window[2] - window[0]), rng)
        if corner is not None:
            found.append((i, corner))
        if len(found) == most:
            break
    return found


def _free_place(
    photos: BoxedPhotos, spec: InputSpec, position: int, side: int, rng: np.random.Generator
) -> Integers | None:
    """Returns a square that shows no box of a photo, (4,) int64 xyxy in px of the input; None if none was found."""
    truth = photos.truth[position]
    width, height = _size(truth, spec)
    placed = place(height, width, spec)
    area = np.clip(placed.to_input(np.array([[0, 0, width, height]], np.float32))[0], 0, (spec.width, spec.height) * 2)
    low, high = np.ceil(area[:2]).astype(np.int64), np.floor(area[2:]).astype(np.int64) - side
    if (high < low).any():
        return None
    boxes = placed.to_input(truth.xyxy)
    for _ in range(_TRIES):
        corner = rng.integers(low, high + 1)
        window = np.concatenate([corner, corner + side])
        if (_covered(window, boxes) <= _MOST_COVERED).all():
            return window
    return None


def _covered(window: Integers, boxes: BoxesXyxy) -> Floats:
    """Returns the share of a window that lies in each box, (N,) float32, 0..1."""
    sides = np.minimum(window[2:], boxes[:, 2:]) - np.maximum(window[:2], boxes[:, :2])
    return np.asarray(np.clip(sides, 0, None).prod(axis=1) / float((window[2:] - window[:2]).prod()), np.float32)
