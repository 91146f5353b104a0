"""Keeps decoded photos in memory, because every variant of a conversion is run over the same ones."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from threading import Lock

from edgetl.card import InputSpec
from edgetl.vision.arrays import Image
from edgetl.vision.photo import read_sized

MOST_BYTES = 512 * 2**20
"""Decoded photos take at most this much memory, which holds 500 photos of 640 x 480 px; photos beyond it are decoded
each time. A conversion takes more than 1 GB beside them, most of it for TensorFlow."""

SizedFrame = tuple[Image, tuple[int, int]]
"""A photo as a frame, (H, W, 3) uint8 BGR, and the photo's full width and height, px; see
`edgetl.vision.photo.read_sized`."""


class DecodedPhotos:
    """Photos as frames, which several threads may read at once; a photo is decoded when it is first asked for.

    Args:
        paths: the files of the photos.
        spec: the model's input; see `edgetl.vision.photo.read_photo`.
        most_bytes: the memory that decoded photos may take; photos beyond it are decoded each time.
    """

    def __init__(self, paths: Sequence[Path], spec: InputSpec, most_bytes: int = MOST_BYTES) -> None:
        self._paths, self._spec = paths, spec
        self._kept: dict[int, SizedFrame] = {}
        self._room = most_bytes
        self._lock = Lock()  # held while `_kept` and `_room` are changed

    def __len__(self) -> int:
        return len(self._paths)

    def __getitem__(self, position: int) -> SizedFrame:
        """Returns a photo, which the caller doesn't change.

        Args:
            position: the photo's position among the paths.

        Raises:
            PhotoError: the file can't be opened.
        """
        if (kept := self._kept.get(position)) is not None:
            return kept
        read = read_sized(self._paths[position], self._spec)
        with self._lock:
            if position not in self._kept and read[0].nbytes <= self._room:
                self._room -= read[0].nbytes
                self._kept[position] = read
        return read
