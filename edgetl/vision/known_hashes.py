"""Remembers the difference hashes of pictures, to notice one that looks like an earlier one."""

from __future__ import annotations

import numpy as np

from edgetl.vision.near_duplicates import Hash, differing_bits

_MOST_HASHES = 20_000
"""At most this many hashes are remembered, the newest ones, which take less than 1 MB."""


class KnownHashes:
    """The newest hashes, of which the oldest is replaced when there are too many.

    Args:
        most: the number of hashes that are remembered at most.
    """

    def __init__(self, most: int = _MOST_HASHES) -> None:
        self._most = most
        self._rows: Hash = np.empty((64, 32), np.uint8)
        self._count = 0

    def add(self, one: Hash) -> None:
        """Remembers a hash.

        Args:
            one: the hash, (32,) uint8.
        """
        if self._count == len(self._rows) < self._most:
            self._rows = np.concatenate([self._rows, np.empty_like(self._rows)])[: self._most]
        self._rows[self._count % len(self._rows)] = one
        self._count += 1

    def has_near(self, one: Hash, bits: int) -> bool:
        """Says whether a remembered hash differs from a hash in few bits.

        Args:
            one: the hash, (32,) uint8.
            bits: the number of bits in which they may differ.
        """
        rows = self._rows[: self._count]
        return bool((differing_bits(one, rows) <= bits).any())
