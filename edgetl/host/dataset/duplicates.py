"""Photos that are the same, or nearly: groups that must not be torn apart by a split."""

from __future__ import annotations

from collections.abc import Sequence

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


def near_pairs(records: Sequence[Record]) -> list[tuple[int, int]]:
    """Returns pairs of photos that look the same but differ in content.

    Hashes within `NEAR_BITS` of each other also have bit counts within it, so each photo is compared only
    with its neighbours in order of bit count.
    """
    rows = np.array([i for i, record in enumerate(records) if record.look], np.int64)
    if len(rows) < 2:
        return []
    looks = np.stack([np.frombuffer(bytes.fromhex(records[i].look), np.uint64) for i in rows])
    counts = np.bitwise_count(looks).sum(axis=1).astype(np.int64)
    usable = (counts >= _FLAT_BITS) & (counts <= 256 - _FLAT_BITS)
    order = np.flatnonzero(usable)[np.argsort(counts[usable], kind="stable")]
    rows, looks, counts = rows[order], looks[order], counts[order]
    ends = np.searchsorted(counts, counts + NEAR_BITS, side="right")
    pairs = []
    for at, end in enumerate(ends.tolist()):
        distance = np.bitwise_count(looks[at + 1 : end] ^ looks[at]).sum(axis=1)
        pairs += [_ordered(int(rows[at]), int(rows[at + 1 + k])) for k in np.flatnonzero(distance <= NEAR_BITS)]
    return sorted(pair for pair in pairs if records[pair[0]].digest != records[pair[1]].digest)


def duplicate_groups(records: Sequence[Record]) -> NDArray[np.int64]:
    """Returns (N,) the same number for photos that are the same, or nearly."""
    return group_ids(len(records), [*exact_groups(records), *near_pairs(records)])


def group_ids(count: int, groups: Sequence[Sequence[int]]) -> NDArray[np.int64]:
    """Returns (count,) the smallest member of the group each item belongs to, groups that touch joined."""
    parent = list(range(count))

    def find(i: int) -> int:
        while parent[i] != i:
            parent[i] = parent[parent[i]]
            i = parent[i]
        return i

    for group in groups:
        for other in group[1:]:
            a, b = sorted((find(group[0]), find(other)))
            parent[b] = a
    return np.array([find(i) for i in range(count)], np.int64)


def _ordered(a: int, b: int) -> tuple[int, int]:
    return (a, b) if a < b else (b, a)
