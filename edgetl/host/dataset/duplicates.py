"""Photos that are the same, or nearly: groups that must not be torn apart by a split."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from edgetl.host.dataset.photos import Record

NEAR_BITS = 6
"""Photos whose difference hashes differ in at most this many of their 256 bits count as near duplicates."""

_FLAT_BITS = 40
"""A hash with fewer set bits is of a nearly even picture, which says too little to compare by."""


def exact_groups(records: Sequence[Record]) -> list[list[int]]:
    """Returns groups of two or more photos with the same content."""
    by_digest: dict[str, list[int]] = {}
    for i, record in enumerate(records):
        if not record.error:
            by_digest.setdefault(record.digest, []).append(i)
    return [group for group in by_digest.values() if len(group) > 1]


def near_groups(records: Sequence[Record]) -> list[list[int]]:
    """Returns groups of photos that look the same but differ in content, of each content the first photo.

    A photo belongs to a group if it is near any of its members, as the frames of a slow film are one after another.
    """
    return joined(near_pairs(records))


def near_pairs(records: Sequence[Record]) -> list[tuple[int, int]]:
    """Returns pairs of near duplicates, as few as join all of them: less than one for each photo.

    Of eight parts of a hash at most `NEAR_BITS`, six, can hold a bit that differs: near duplicates share two parts
    whole. So only photos that do are compared, and those that are joined already are not compared again: the time
    grows with their number as sorting does, also for the frames of a still film. A part's bits are from all over the
    picture: before an even wall, too, each tells something.
    """
    rows, looks = _usable(records)
    if len(rows) < 2:
        return []
    mixed = np.random.default_rng(0).permutation(256)
    bits = np.unpackbits(looks.view(np.uint8), axis=1)[:, mixed]
    parts = np.ascontiguousarray(np.packbits(bits, axis=1)).view(np.uint32)
    sets = DisjointSets(len(rows))
    pairs = [
        (int(rows[a]), int(rows[b]))
        for shared in combinations(range(NEAR_BITS + 2), 2)
        for group in _alike(parts[:, shared])
        for a, b in _near_within(group, looks)
        if sets.join(a, b)
    ]
    return sorted((min(pair), max(pair)) for pair in pairs)


def _usable(records: Sequence[Record]) -> tuple[NDArray[np.int64], NDArray[np.uint64]]:
    """The first photo of each content that says enough to compare by: (N,) positions, and (N, 4) hashes."""
    first: dict[str, int] = {}
    for i, record in enumerate(records):
        if record.look:
            first.setdefault(record.digest, i)
    rows = np.array(list(first.values()), np.int64)
    if not len(rows):
        return rows, np.zeros((0, 4), np.uint64)
    looks = np.stack([np.frombuffer(bytes.fromhex(records[i].look), np.uint64) for i in rows])
    counts = np.bitwise_count(looks).sum(axis=1).astype(np.int64)
    usable = (counts >= _FLAT_BITS) & (counts <= 256 - _FLAT_BITS)
    return rows[usable], looks[usable]


def _alike(parts: NDArray[np.uint32]) -> Iterator[NDArray[np.int64]]:
    """Yields the positions of each two or more equal rows of (N, 2)."""
    keys = parts[:, 0].astype(np.uint64) << np.uint64(32) | parts[:, 1]
    order = np.argsort(keys)
    edges = np.flatnonzero(np.diff(keys[order], prepend=~keys[order[:1]], append=~keys[order[-1:]]))
    for run in np.flatnonzero(np.diff(edges) > 1).tolist():
        yield order[edges[run] : edges[run + 1]]


def _near_within(group: NDArray[np.int64], looks: NDArray[np.uint64]) -> Iterator[tuple[int, int]]:
    """Yields near pairs of a group, as few as join all that are near: each photo is compared with those left alone."""
    rest = group
    while len(rest):
        reached, rest = [int(rest[0])], rest[1:]
        while reached and len(rest):
            position = reached.pop()
            near = np.bitwise_count(looks[rest] ^ looks[position]).sum(axis=1) <= NEAR_BITS
            for other in rest[near].tolist():
                reached.append(other)
                yield position, other
            rest = rest[~near]


def duplicate_groups(records: Sequence[Record]) -> NDArray[np.int64]:
    """Returns (N,) the same number for photos that are the same, or nearly."""
    return group_ids(len(records), [*exact_groups(records), *near_pairs(records)])


def joined(pairs: Sequence[tuple[int, int]]) -> list[list[int]]:
    """Returns the groups that pairs join, each in ascending order, ordered by their first members."""
    members = sorted({i for pair in pairs for i in pair})
    place = {i: at for at, i in enumerate(members)}
    groups: dict[int, list[int]] = {}
    for i, first in zip(members, group_ids(len(members), [[place[a], place[b]] for a, b in pairs]), strict=True):
        groups.setdefault(int(first), []).append(i)
    return list(groups.values())


def group_ids(count: int, groups: Sequence[Sequence[int]]) -> NDArray[np.int64]:
    """Returns (count,) the smallest member of the group each item belongs to, groups that touch joined."""
    sets = DisjointSets(count)
    for group in groups:
        for other in group[1:]:
            sets.join(group[0], other)
    return np.array([sets.find(i) for i in range(count)], np.int64)


class DisjointSets:
    """Numbers from 0 on, each in a set of its own at first, that can be joined.

    Args:
        count: the number of them.
    """

    def __init__(self, count: int) -> None:
        self._parent = list(range(count))

    def find(self, item: int) -> int:
        """Returns the smallest member of an item's set."""
        parent = self._parent
        while parent[item] != item:
            parent[item] = parent[parent[item]]
            item = parent[item]
        return item

    def join(self, first: int, second: int) -> bool:
        """Makes one set of two; returns False if they are one already."""
        low, high = sorted((self.find(first), self.find(second)))
        self._parent[high] = low
        return low != high
