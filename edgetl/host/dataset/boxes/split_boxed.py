"""Splits photos with boxes into training, validation and test."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from edgetl.host.dataset.boxes.boxed_photo import BoxedPhoto
from edgetl.host.dataset.duplicates import duplicate_groups
from edgetl.host.dataset.photos import Record
from edgetl.host.dataset.split import split


def split_boxed(
    photos: Sequence[BoxedPhoto],
    records: Sequence[Record],
    boxes: Sequence[NDArray[np.float32]],
    fraction: float,
    seed: int,
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Returns the positions to train on, to validate on and to test on, each (M,) int64.

    They follow the data set's own split; if it has no val, training photos are chosen for it, never test photos.

    Args:
        photos: the N photos.
        records: the N records of these photos.
        boxes: the boxes to train on of each photo, (K, 5) float32: class and xyxy.
        fraction: the share of the training photos for validation if there is no val, 0..1.
        seed: the seed of the random choice.
    """
    parts = np.array([photo.part for photo in photos])
    test = np.flatnonzero(parts == "test")
    if (parts == "val").any():
        return np.flatnonzero(parts == "train"), np.flatnonzero(parts == "val"), test
    usable = np.flatnonzero(parts != "test")
    seen = [boxes[i] for i in usable.tolist()]
    groups = duplicate_groups([records[i] for i in usable.tolist()])
    _, val = split(rarest(seen) + 1, groups, fraction, seed)
    val = _with_trained_classes(val, seen, groups)
    return np.setdiff1d(usable, usable[val]), usable[val], test


def _with_trained_classes(
    val: NDArray[np.int64], boxes: Sequence[NDArray[np.float32]], groups: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Moves validation photos back to training if they show a class that training would otherwise lack.

    The split only ensures that each photo's rarest class is on both sides.
    """
    validated = set(val.tolist())
    trained = {c for i, rows in enumerate(boxes) if i not in validated for c in rows[:, 0].tolist()}
    lost = [groups[i] for i in val.tolist() if not trained.issuperset(boxes[i][:, 0].tolist())]
    return val[~np.isin(groups[val], lost)]


def rarest(boxes: Sequence[NDArray[np.float32]]) -> NDArray[np.int64]:
    """Returns the class in each photo that the fewest boxes of all photos have.

    Args:
        boxes: the boxes of each of N photos, (K, 5) float32: class and xyxy.

    Returns:
        The class of each photo, (N,) int64; -1 if a photo has no boxes.
    """
    counts = Counter(int(c) for rows in boxes for c in rows[:, 0])
    found = [min((int(c) for c in rows[:, 0]), key=lambda c: (counts[c], c), default=-1) for rows in boxes]
    return np.array(found, np.int64)
