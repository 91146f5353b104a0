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
_ROUGH_WIDTH = 160
"""Width to which a picture is averaged down before its rough hash is computed, px; most of the time goes into that."""
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
    return _bits(_cells(np.asarray(cv2.cvtColor(frame, cv2.COLOR_BGR2GRAY), np.uint8)))


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
    return rough_hash(frame) is None


def rough_hash(frame: Image) -> Hash | None:
    """Returns a difference hash that takes less time, in which a few bits may differ from the exact one.

    Args:
        frame: the picture, (H, W, 3) uint8 BGR.

    Returns:
        The 256 bits, (32,) uint8; None if the picture shows nothing but one brightness and noise, as a covered lens
        does.
    """
    factor = max(1, frame.shape[1] // _ROUGH_WIDTH)
    if factor > 1:
        height, width = max(1, frame.shape[0] // factor), frame.shape[1] // factor
        blocks = frame[: height * factor : max(1, factor // 2), : width * factor]  # every row would take twice as long
        frame = np.asarray(cv2.resize(blocks, (width, height), interpolation=cv2.INTER_AREA), np.uint8)
    cells = _cells(np.asarray(cv2.cvtColor(frame, cv2.COLOR_BGR2GRAY), np.uint8))
    return None if float(cells.std()) < _EVEN else _bits(cells)


def jpeg_hash(data: bytes) -> Hash | None:
    """Returns the difference hash of a JPEG file's picture, in which one bit may differ from that of `difference_hash`.

    Args:
        data: the JPEG file.

    Returns:
        The 256 bits, (32,) uint8; None if the file can't be decoded.
    """
    grey = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_GRAYSCALE)  # without colours it is quicker
    return None if grey is None else _bits(_cells(np.asarray(grey, np.uint8)))


def _cells(grey: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Returns the brightness of the cells of a grey picture, (16, 17) uint8, 0..255."""
    side = _HASH_SIDE
    return np.asarray(cv2.resize(grey, (side + 1, side), interpolation=cv2.INTER_AREA), np.uint8)


def _bits(cells: NDArray[np.uint8]) -> Hash:
    """Returns whether each cell of (16, 17) uint8 is brighter than its left neighbour, (32,) uint8."""
    return np.packbits(cells[:, 1:] > cells[:, :-1])
