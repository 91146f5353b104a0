"""Compares pictures by their difference hashes: those of near duplicates differ in a few of 256 bits."""

from __future__ import annotations

from typing import TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from edgetl.vision.arrays import Image, Integers

NEAR_BITS = 6
"""Pictures whose difference hashes differ in at most this many of 256 bits are near duplicates."""

_HASH_SIDE = 16
"""The difference hash compares this many cells in each of as many rows, which gives 256 bits."""
_EVEN = 3.0
"""Standard deviation of the cells' brightness below which a picture is nearly even, 0..255; a covered lens shows noise,
which the cells average out."""
_SET_BITS = np.array([value.bit_count() for value in range(256)], np.uint8)
"""Number of the bits that are set in each byte, (256,) uint8."""

Hash: TypeAlias = NDArray[np.uint8]
"""A difference hash: (32,) uint8, 256 bits; several are (N, 32) uint8."""


def difference_hash(frame: Image) -> Hash:
    """Returns the difference hash of a picture: a bit says whether a cell is brighter than its left neighbour.

    Args:
        frame: the picture, (H, W, 3) uint8 BGR.

    Returns:
        The 256 bits, (32,) uint8.
    """
    small = _cells(frame)
    return np.packbits(small[:, 1:] > small[:, :-1])


def differing_bits(one: Hash, others: Hash) -> Integers:
    """Returns in how many bits a difference hash differs from each of N others, (N,) int64, 0..256.

    Args:
        one: the hash, (32,) uint8.
        others: the hashes to compare with, (N, 32) uint8.
    """
    return np.asarray(_SET_BITS[others ^ one].sum(axis=1), np.int64)


def is_nearly_even(frame: Image) -> bool:
    """Says whether a picture shows nothing but one brightness and noise, as a covered lens does.

    Args:
        frame: the picture, (H, W, 3) uint8 BGR.
    """
    return float(_cells(frame).std()) < _EVEN


def _cells(frame: Image) -> NDArray[np.uint8]:
    """Returns the brightness of the cells of a picture, (16, 17) uint8, 0..255."""
    grey = cv2.cvtColor(frame, cv2.COLOR_BGR2GRAY)
    side = _HASH_SIDE
    return np.asarray(cv2.resize(grey, (side + 1, side), interpolation=cv2.INTER_AREA), np.uint8)
