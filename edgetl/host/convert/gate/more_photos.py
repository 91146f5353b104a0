"""Makes more photos for a comparison that needs no labels: changed copies of training photos."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np

from edgetl.host.convert.calibration import CalibrationPhotos
from edgetl.manifest import Unlabelled
from edgetl.vision.arrays import Image

ENOUGH = 300
"""A comparison without labels is made on this many photos if the validation photos are fewer and their labels can't
decide. A variant that loses five points is then known from one that loses nothing, and each takes seconds only."""

_BRIGHTNESS = 0.2
"""The brightness of a copy changes by up to this share either way."""


def changed_copies(train: CalibrationPhotos, count: int, seed: int = 0) -> Image:
    """Returns changed copies of training photos: half of them mirrored, all brighter or darker.

    The photos themselves would flatter a variant: the network knows them by heart, so its answers are far from turning.

    Args:
        train: the training photos, N.
        count: the number of copies; if it exceeds N, some photos are copied again with another change.
        seed: the seed of the choice and of the changes.

    Returns:
        The model inputs, (count, H, W, 3) uint8 in the model's channel order.
    """
    rng = np.random.default_rng(seed)
    positions = np.resize(rng.permutation(len(train)), count)
    copies = np.array(train.batch(positions))
    light = rng.uniform(1 - _BRIGHTNESS, 1 + _BRIGHTNESS, count)
    for copy, mirrored, factor in zip(copies, rng.random(count) < 0.5, light.tolist(), strict=True):
        copy[...] = cv2.convertScaleAbs(copy[:, ::-1] if mirrored else copy, alpha=factor)
    return copies


def as_frame(pixels: Image, color: str) -> Image:
    """Returns a model input as a frame that the device's code turns into the same input.

    Args:
        pixels: the model input, (H, W, 3) uint8.
        color: the order of its channels, `rgb` or `bgr`.

    Returns:
        The frame, (H, W, 3) uint8 BGR.
    """
    return np.ascontiguousarray(pixels[..., ::-1] if color == "rgb" else pixels)


def joined(first: Unlabelled, second: Unlabelled) -> Unlabelled:
    """Returns what two comparisons of the same variant on different photos show together.

    Args:
        first: the one comparison.
        second: the other.
    """
    answers = first.answers + second.answers
    share = second.answers / answers if answers else 0.0

    def mean(name: str) -> float:
        return float((1 - share) * getattr(first, name) + share * getattr(second, name))

    values = {name: mean(name) for name in ("agreement", "expected_drop", "expected_map50_drop")}
    return replace(first, photos=first.photos + second.photos, answers=answers, **values)
