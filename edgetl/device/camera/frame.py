"""One picture of a source."""

from __future__ import annotations

from dataclasses import dataclass

from edgetl.vision.arrays import Image
from edgetl.vision.photo import decode_photo


@dataclass(frozen=True, slots=True)
class Frame:
    """One picture.

    Attributes:
        image: (H, W, 3) uint8 BGR.
        captured_at: when it was taken, as far as its source tells, else read; in seconds of `time.monotonic`.
        index: counted from 0 within its source.
        name: the file's name for a photo, else empty.
        size_wh: width and height of the source, px, where `image` is that at a smaller scale; else None.
        jpeg: the source's own file of this picture, where it delivers such; else None.
        full: the picture that `image` was averaged from, where it was; else None.
    """

    image: Image
    captured_at: float
    index: int
    name: str = ""
    size_wh: tuple[int, int] | None = None
    jpeg: bytes | None = None
    full: Image | None = None

    def picture(self) -> Image:
        """Returns the picture to show or to save, (H, W, 3) uint8 BGR in the source's size: copy it to draw on it.

        Where `image` is smaller, every call decodes the source's file anew.
        """
        if self.full is not None:
            return self.full
        if self.jpeg is None or self.size_wh is None:
            return self.image
        return decode_photo(self.jpeg, None, where=self.name or f"frame {self.index}")


_STAMPS_WITHIN = 5.0
"""How old a picture may be when it comes, s; a driver whose stamps are older or yet to be counts by another clock."""


def taken_at(stamp: float, came_at: float) -> float:
    """Returns when a picture was taken, by its driver's stamp where that is of our clock.

    Args:
        stamp: the driver's, s.
        came_at: when it came, in seconds of `time.monotonic`.
    """
    return stamp if 0 <= came_at - stamp < _STAMPS_WITHIN else came_at
