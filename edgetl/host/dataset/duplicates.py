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


def near_pairs(records: Sequence[Record]) -> list[tuple[int, int]]:
    """Returns pairs of photos that look the same but differ in content.

    Of eight parts of a hash at most `NEAR_BITS`, six, can hold a bit that differs: near duplicates share two parts
    whole. So only photos that do are compared, and the time grows with their number as sorting does, unless most are
    near duplicates. A part's bits are from all over the picture: before an even wall, too, each tells something.
    """
    rows = np.array([i for i, record in enumerate(records) if record.look], np.int64)
    if len(rows) < 2:
        return []
    looks = np.stack([np.frombuffer(bytes.fromhex(records[i].look), np.uint64) for i in rows])
    counts = np.bitwise_count(looks).sum(axis=1).astype(np.int64)
    usable = (counts >= _FLAT_BITS) & (counts <= 256 - _FLAT_BITS)
    rows, looks = rows[usable], looks[usable]
    mixed = np.random.default_rng(0).permutation(256)
    bits = np.unpackbits(looks.view(np.uint8), axis=1)[:, mixed]
    parts = np.ascontiguousarray(np.packbits(bits, axis=1)).view(np.uint32)
    pairs = [
        _ordered(int(rows[a]), int(rows[b]))
        for shared in combinations(range(NEAR_BITS + 2), 2)
        for group in _alike(parts[:, shared])
        for a, b in _near_within(group, looks, parts, *shared)
    ]
    return sorted(pair for pair in pairs if records[pair[0]].digest != records[pair[1]].digest)


def _alike(parts: NDArray[np.uint32]) -> Iterator[NDArray[np.int64]]:
    """Yields the positions of each two or more equal rows of (N, 2)."""
    keys = parts[:, 0].astype(np.uint64) << np.uint64(32) | parts[:, 1]
    order = np.argsort(keys)
    edges = np.flatnonzero(np.diff(keys[order], prepend=~keys[order[:1]], append=~keys[order[-1:]]))
    for run in np.flatnonzero(np.diff(edges) > 1).tolist():
        yield order[edges[run] : edges[run + 1]]


def _near_within(
    group: NDArray[np.int64], looks: NDArray[np.uint64], parts: NDArray[np.uint32], first: int, second: int
) -> Iterator[tuple[int, int]]:
    """Yields the near pairs of a group, but for those that share parts before `first` and `second`, found by these."""
    for at, position in enumerate(group.tolist()):
        others = group[at + 1 :]
        others = others[np.bitwise_count(looks[others] ^ looks[position]).sum(axis=1) <= NEAR_BITS]
        before = (parts[others, :second] == parts[position, :second]).sum(axis=1)  # one is `first` itself
        before += (parts[others, :first] == parts[position, :first]).any(axis=1)
        for other in others[before == 1].tolist():
            yield position, other


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
