"""One side of a data set: the decoded photos to train on, to validate on, or to test on."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edgetl.vision.arrays import Image


@dataclass(frozen=True, slots=True)
class PhotoSet:
    """N photos whose pixels lie in the cache of their data set.

    Attributes:
        pixels: the pixels of all M photos of the data set, (M, height, width, 3) uint8, memory-mapped.
        rows: the positions of these photos in `pixels`, (N,) int64.
        paths: the N photo files.
    """

    pixels: Image
    rows: NDArray[np.int64]
    paths: tuple[Path, ...]

    def __len__(self) -> int:
        return len(self.rows)

    def batch(self, positions: NDArray[np.int64] | slice) -> Image:
        """Reads the model inputs of B photos.

        Args:
            positions: the positions of the photos, (B,) int64 in 0..N-1, or a slice of them.

        Returns:
            The inputs, (B, height, width, 3) uint8 in the model's channel order.
        """
        return np.asarray(self.pixels[self.rows[positions]])
