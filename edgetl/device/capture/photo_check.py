"""Notices blurred photos, and photos that look like an earlier one."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import Literal

import cv2
import numpy as np

from edgetl.card import InputSpec
from edgetl.vision.arrays import Floats, Image
from edgetl.vision.known_hashes import KnownHashes
from edgetl.vision.near_duplicates import NEAR_BITS, difference_hash, is_nearly_even
from edgetl.vision.photo import PhotoError, read_photo

Fault = Literal["blurred", "near duplicate", "even"]
"""What is wrong with a photo: it is blurred, looks like an earlier one, or shows nothing but one brightness."""

_WIDTH = 640
"""Width to which a photo is averaged down before its blur is measured, px, so that the noise of a sensor with many
pixels does not count as sharp."""
_REACH = 1 / 70
"""A photo is blurred over this share of its width to see how much sharpness that takes away."""
_EDGES = 0.02
"""Share of the pixels that count, 0..1: those at the strongest edges. A thing may be sharp on a smooth ground."""
_BLURRED = 0.7
"""Blur from which on a photo is blurred, 0..1. `tests/device/capture/test_photo_check.py` shows drawn photos on both
sides of it."""
_MORE_BLURRED = 0.25
"""Blur above that of the last photos from which on a photo is blurred, 0..1."""
_COMPARED = 20
"""The blur of a photo is compared with that of this many photos before."""
_FEWEST = 5
"""The blur of fewer photos before says nothing."""
_MOST_PHOTOS = 500
"""At most this many photos that are in the folder already are read, the newest ones, in some seconds on a Pi."""
_SPEC = InputSpec(128, 128)
"""A photo that is in the folder already is decoded at a scale for this input, because its hash needs no more."""


def blur(image: Image) -> float:
    """Returns how blurred a picture is, 0..1: the share of its sharpness that survives another blur (Crete 2007).

    Args:
        image: the picture, (H, W, 3) uint8 BGR.
    """
    factor = max(1, round(image.shape[1] / _WIDTH))
    size = (max(1, image.shape[1] // factor), max(1, image.shape[0] // factor))
    small = image if factor == 1 else cv2.resize(image, size, interpolation=cv2.INTER_AREA)
    grey = cv2.cvtColor(small, cv2.COLOR_BGR2GRAY).astype(np.float32)
    reach = max(3, round(grey.shape[1] * _REACH))
    return max(_kept_sharpness(grey, reach, axis) for axis in (0, 1))


def _kept_sharpness(grey: Floats, reach: int, axis: int) -> float:
    """Returns the share of the strongest differences along an axis of (H, W) that is left after a blur, 0..1."""
    before = np.abs(np.diff(grey, axis=axis))
    after = np.abs(np.diff(cv2.blur(grey, (1, reach) if axis == 0 else (reach, 1)), axis=axis))
    edges = before >= np.quantile(before[::2, ::2], 1 - _EDGES)
    whole = float(before[edges].sum())
    return float(np.minimum(before, after)[edges].sum()) / whole if whole else 1.0


class PhotoCheck:
    """Compares each photo with those that were taken before, or that were in the folder already.

    Args:
        folder: the folder of the class, which need not exist.
    """

    def __init__(self, folder: Path) -> None:
        self._known = KnownHashes()
        self._blurs: deque[float] = deque(maxlen=_COMPARED)
        for path in _newest_photos(folder):
            try:
                image = read_photo(path, _SPEC)
            except PhotoError:
                continue  # it resembles nothing
            self._known.add(difference_hash(image))

    def __call__(self, image: Image) -> Sequence[Fault]:
        """Returns what is wrong with a photo.

        Args:
            image: the photo, (H, W, 3) uint8 BGR.
        """
        if is_nearly_even(image):
            return ["even"]
        faults: list[Fault] = []
        own = blur(image)
        usual = median(self._blurs) if len(self._blurs) >= _FEWEST else 1.0
        if own > min(_BLURRED, usual + _MORE_BLURRED):
            faults.append("blurred")
        if self._known.has_near(difference_hash(image), NEAR_BITS):
            faults.append("near duplicate")
        return faults

    def add(self, image: Image) -> None:
        """Remembers a photo that was taken.

        Args:
            image: the photo, (H, W, 3) uint8 BGR.
        """
        self._known.add(difference_hash(image))
        self._blurs.append(blur(image))


def _newest_photos(folder: Path) -> list[Path]:
    if not folder.is_dir():
        return []
    return sorted(path for path in folder.iterdir() if path.suffix == ".jpg")[-_MOST_PHOTOS:]
