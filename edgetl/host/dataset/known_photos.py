"""Says of a new photo whether it is a copy or a near duplicate of one that is known already."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from edgetl.host.dataset.duplicates import FLAT_BITS
from edgetl.host.dataset.photos import Record
from edgetl.vision.near_duplicates import NEAR_BITS, Hash, differing_bits


class KnownPhotos:
    """Photos that new ones are compared with.

    Args:
        records: the records of the photos that are known at first.
    """

    def __init__(self, records: Sequence[Record] = ()) -> None:
        self._contents: set[str] = set()
        self._hashes: Hash = np.zeros((256, 32), np.uint8)  # the first rows are used; it is doubled when it is full
        self._count = 0
        for record in records:
            self.add(record)

    def add(self, record: Record) -> None:
        """Adds a photo; one that can't be read is ignored."""
        if record.error:
            return
        self._contents.add(record.digest)
        own = _hash(record)
        if own is None:
            return
        if self._count == len(self._hashes):
            self._hashes = np.concatenate([self._hashes, np.zeros_like(self._hashes)])
        self._hashes[self._count] = own
        self._count += 1

    def __contains__(self, record: Record) -> bool:
        if record.digest in self._contents:
            return True
        own = _hash(record)
        if own is None or not self._count:
            return False
        return bool((differing_bits(own, self._hashes[: self._count]) <= NEAR_BITS).any())


def _hash(record: Record) -> Hash | None:
    """Returns a photo's difference hash, (32,) uint8; None if the photo is nearly even and can't be compared."""
    own = np.frombuffer(bytes.fromhex(record.difference_hash), np.uint8)
    return own if FLAT_BITS <= int(np.unpackbits(own).sum()) <= 256 - FLAT_BITS else None
