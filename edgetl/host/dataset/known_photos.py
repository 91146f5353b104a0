"""Says of a new photo whether it is a copy or a near duplicate of one that is known already."""

from __future__ import annotations

import sys
from collections.abc import Sequence

import numpy as np

from edgetl.host.dataset.duplicates import FLAT_BITS
from edgetl.host.dataset.photos import Record
from edgetl.vision.known_hashes import KnownHashes
from edgetl.vision.near_duplicates import NEAR_BITS, Hash

_NO_LIMIT = sys.maxsize
"""A hash takes 32 bytes, and a data set's photos fit the disk."""


class KnownPhotos:
    """Photos that new ones are compared with.

    Args:
        records: the records of the photos that are known at first.
    """

    def __init__(self, records: Sequence[Record] = ()) -> None:
        self._contents: set[str] = set()
        self._hashes = KnownHashes(most=_NO_LIMIT)
        for record in records:
            self.add(record)

    def add(self, record: Record) -> None:
        """Adds a photo; one that can't be read is ignored."""
        if record.error:
            return
        self._contents.add(record.digest)
        own = _hash(record)
        if own is not None:
            self._hashes.add(own)

    def __contains__(self, record: Record) -> bool:
        if record.digest in self._contents:
            return True
        own = _hash(record)
        return own is not None and self._hashes.has_near(own, NEAR_BITS)


def _hash(record: Record) -> Hash | None:
    """Returns a photo's difference hash, (32,) uint8; None if the photo is nearly even and can't be compared."""
    own = np.frombuffer(bytes.fromhex(record.difference_hash), np.uint8)
    return own if FLAT_BITS <= int(np.unpackbits(own).sum()) <= 256 - FLAT_BITS else None
