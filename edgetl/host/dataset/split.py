"""Training and validation: stratified by class, seeded, duplicates kept on one side."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def split(
    classes: NDArray[np.int64], groups: NDArray[np.int64], fraction: float, seed: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Splits photos so that each class gives about `fraction` of its photos to validation: at least one, never all.

    Args:
        classes: (N,) the class of each photo.
        groups: (N,) photos with the same number are duplicates of each other and stay together; a group that
            spans classes trains.
        fraction: of each class's photos, 0..1.
        seed: another seed gives another split.

    Returns:
        The positions of the training and of the validation photos, each in ascending order.
    """
    rng = np.random.default_rng(seed)
    sizes = np.bincount(groups)
    held: list[int] = []
    for label in np.unique(classes):
        members = np.flatnonzero(classes == label)
        whole = members[_members_of_pure_groups(groups[members], sizes)]
        quota = min(max(1, round(fraction * len(members))), len(members) - 1)
        held += _fill(whole, groups, quota, len(members), rng)
    val = np.array(sorted(held), np.int64)
    return np.setdiff1d(np.arange(len(classes)), val), val


def _members_of_pure_groups(groups: NDArray[np.int64], sizes: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Which of one class's photos are in a group that lies wholly within the class."""
    within = np.bincount(groups, minlength=len(sizes))
    return np.asarray(within[groups] == sizes[groups])


def _fill(
    members: NDArray[np.int64], groups: NDArray[np.int64], quota: int, count: int, rng: np.random.Generator
) -> list[int]:
    """Takes whole groups, in random order, until the quota is full; one that would overfill it is passed over.

    Where every group would, the smallest is taken, unless that is the whole class of `count` photos.
    """
    by_group: dict[int, list[int]] = {}
    for member in members.tolist():
        by_group.setdefault(int(groups[member]), []).append(member)
    piles = list(by_group.values())
    taken: list[int] = []
    for at in rng.permutation(len(piles)):
        if len(taken) + len(piles[at]) <= quota:
            taken += piles[at]
    smallest = min(piles, key=len, default=[])
    return taken or (smallest if len(smallest) < count else [])
