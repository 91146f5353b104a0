"""Finds exact and near duplicates: groups of photos that must stay on one side of a split."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from edgetl.host.dataset.photos import Record
from edgetl.vision.near_duplicates import NEAR_BITS

FLAT_BITS = 40
"""A hash with fewer set bits, or fewer clear ones, belongs to a nearly even picture and can't be compared."""


def exact_groups(records: Sequence[Record]) -> list[list[int]]:
    """Returns the groups of two or more photos with the same content.

    Args:
        records: the records of N photos.

    Returns:
        The groups, each a list of positions in `records`.
    """
    by_digest: dict[str, list[int]] = {}
    for i, record in enumerate(records):
        if not record.error:
            by_digest.setdefault(record.digest, []).append(i)
    return [group for group in by_digest.values() if len(group) > 1]


def near_groups(records: Sequence[Record]) -> list[list[int]]:
    """Returns the groups of photos that look the same but differ in content.

    A photo belongs to a group if it is near any member, as each frame of a slow film is near the next. Of photos with
    the same content, only the first is in a group.

    Args:
        records: the records of N photos.

    Returns:
        The groups, each a list of positions in `records`.
    """
    return joined(near_pairs(records))


def near_pairs(records: Sequence[Record]) -> list[tuple[int, int]]:
    """Returns the fewest pairs of near duplicates that connect each group: fewer than one pair for each photo.

    A hash is divided into `NEAR_BITS` + 2 parts. The hashes of near duplicates differ in at most `NEAR_BITS` of them,
    so they have at least two equal parts. Only photos with two equal parts are compared, and photos that are connected
    already are not compared again. The time therefore grows like that of sorting, even for the frames of a still film.
    The bits of a part come from all over the picture, so that an even background does not make a part constant.

    Args:
        records: the records of N photos.

    Returns:
        The pairs of positions in `records`, the smaller position first.
    """
    rows, hashes = _comparable(records)
    if len(rows) < 2:
        return []
    mixed = np.random.default_rng(0).permutation(256)
    bits = np.unpackbits(hashes.view(np.uint8), axis=1)[:, mixed]
    parts = np.ascontiguousarray(np.packbits(bits, axis=1)).view(np.uint32)
    sets = DisjointSets(len(rows))
    pairs = [
        (int(rows[a]), int(rows[b]))
        for shared in combinations(range(NEAR_BITS + 2), 2)
        for group in _equal_rows(parts[:, shared])
        for a, b in _near_within(group, hashes)
        if sets.join(a, b)
    ]
    return sorted((min(pair), max(pair)) for pair in pairs)


def _comparable(records: Sequence[Record]) -> tuple[NDArray[np.int64], NDArray[np.uint64]]:
    """Returns the first photo of each content whose hash can be compared: (N,) positions and (N, 4) hashes."""
    first: dict[str, int] = {}
    for i, record in enumerate(records):
        if record.difference_hash:
            first.setdefault(record.digest, i)
    rows = np.array(list(first.values()), np.int64)
    if not len(rows):
        return rows, np.zeros((0, 4), np.uint64)
    hashes = np.stack([np.frombuffer(bytes.fromhex(records[i].difference_hash), np.uint64) for i in rows])
    counts = np.bitwise_count(hashes).sum(axis=1).astype(np.int64)
    uneven = (counts >= FLAT_BITS) & (counts <= 256 - FLAT_BITS)
    return rows[uneven], hashes[uneven]


def _equal_rows(parts: NDArray[np.uint32]) -> Iterator[NDArray[np.int64]]:
    """Yields the positions of the rows of (N, 2) that are equal, for each group of two or more."""
    keys = parts[:, 0].astype(np.uint64) << np.uint64(32) | parts[:, 1]
    order = np.argsort(keys)
    edges = np.flatnonzero(np.diff(keys[order], prepend=~keys[order[:1]], append=~keys[order[-1:]]))
    for run in np.flatnonzero(np.diff(edges) > 1).tolist():
        yield order[edges[run] : edges[run + 1]]


def _near_within(group: NDArray[np.int64], hashes: NDArray[np.uint64]) -> Iterator[tuple[int, int]]:
    """Yields the fewest near pairs that connect a group: each photo is compared with those not yet connected."""
    rest = group
    while len(rest):
        reached, rest = [int(rest[0])], rest[1:]
        while reached and len(rest):
            position = reached.pop()
            near = np.bitwise_count(hashes[rest] ^ hashes[position]).sum(axis=1) <= NEAR_BITS
            for other in rest[near].tolist():
                reached.append(other)
                yield position, other
            rest = rest[~near]


def duplicate_groups(records: Sequence[Record]) -> NDArray[np.int64]:
    """Returns the number of each photo's group of exact and near duplicates.

    Args:
        records: the records of N photos.

    Returns:
        (N,) int64; photos with the same number are duplicates of each other.
    """
    return group_ids(len(records), [*exact_groups(records), *near_pairs(records)])


def joined(pairs: Sequence[tuple[int, int]]) -> list[list[int]]:
    """Returns the groups that pairs connect, each in ascending order, ordered by their first members."""
    members = sorted({i for pair in pairs for i in pair})
    place = {i: at for at, i in enumerate(members)}
    groups: dict[int, list[int]] = {}
    for i, first in zip(members, group_ids(len(members), [[place[a], place[b]] for a, b in pairs]), strict=True):
        groups.setdefault(int(first), []).append(i)
    return list(groups.values())


def group_ids(count: int, groups: Sequence[Sequence[int]]) -> NDArray[np.int64]:
    """Returns the number of the group of each item; groups that share an item become one.

    Args:
        count: the number of items.
        groups: the items of each group, 0 to count - 1.

    Returns:
        (count,) int64; the number of a group is its smallest member.
    """
    sets = DisjointSets(count)
    for group in groups:
        for other in group[1:]:
            sets.join(group[0], other)
    return np.array([sets.find(i) for i in range(count)], np.int64)


class DisjointSets:
    """Disjoint sets of the numbers from 0 on, of which any two can be joined.

    Args:
        count: the count of numbers; each is in a set of its own at first.
    """

    def __init__(self, count: int) -> None:
        self._parent = list(range(count))

    def find(self, item: int) -> int:
        """Returns the smallest member of the set that an item belongs to."""
        parent = self._parent
        while parent[item] != item:
            parent[item] = parent[parent[item]]
            item = parent[item]
        return item

    def join(self, first: int, second: int) -> bool:
        """Joins the sets of two items; returns False if they are in one set already."""
        low, high = sorted((self.find(first), self.find(second)))
        self._parent[high] = low
        return low != high
