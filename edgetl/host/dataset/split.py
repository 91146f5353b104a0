"""Splits photos into training and validation: stratified by class, seeded, duplicates on one side."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def split(
    classes: NDArray[np.int64], groups: NDArray[np.int64], fraction: float, seed: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Splits photos so that each class gives about `fraction` of its photos to validation: at least one, never all.

    Args:
        classes: the class of each photo, (N,) int64.
        groups: the group of each photo, (N,) int64; photos with the same number are duplicates and stay together. A
            group that spans several classes is used to train.
        fraction: the share of each class's photos for validation, 0..1.
        seed: the seed of the random choice.

    Returns:
        The positions of the training photos and of the validation photos, each (M,) int64 in ascending order.
    """
    rng = np.random.default_rng(seed)
    sizes = np.bincount(groups)
    validation: list[int] = []
    for label in np.unique(classes):
        members = np.flatnonzero(classes == label)
        whole = members[_members_of_pure_groups(groups[members], sizes)]
        quota = min(max(1, round(fraction * len(members))), len(members) - 1)
        validation += _fill(whole, groups, quota, len(members), rng)
    val = np.array(sorted(validation), np.int64)
    return np.setdiff1d(np.arange(len(classes)), val), val


def _members_of_pure_groups(groups: NDArray[np.int64], sizes: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Returns which photos of one class are in a group that lies wholly within the class, as (N,) bool."""
    within = np.bincount(groups, minlength=len(sizes))
    return np.asarray(within[groups] == sizes[groups])


def _fill(
    members: NDArray[np.int64], groups: NDArray[np.int64], quota: int, count: int, rng: np.random.Generator
) -> list[int]:
    """Returns whole groups in random order until the quota is full; a group that would overfill it is skipped.

    If every group would overfill the quota, the smallest is returned, unless it is the whole class of `count` photos.
    """
    by_group: dict[int, list[int]] = {}
    for member in members.tolist():
        by_group.setdefault(int(groups[member]), []).append(member)
    candidates = list(by_group.values())
    taken: list[int] = []
    for at in rng.permutation(len(candidates)):
        if len(taken) + len(candidates[at]) <= quota:
            taken += candidates[at]
    smallest = min(candidates, key=len, default=[])
    return taken or (smallest if len(smallest) < count else [])
