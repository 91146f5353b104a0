"""A frame: one decoded picture of a source, with the time of its capture."""

from __future__ import annotations

from dataclasses import dataclass, field

from edgetl.vision.arrays import Image
from edgetl.vision.photo import decode_photo


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """One picture of a source.

    Attributes:
        image: the picture for the model, (H, W, 3) uint8 BGR, which may be at a smaller scale than the source's.
        captured_at: the time of capture, in seconds of `time.monotonic`; the time of reading if the source states none
            (see `edgetl.device.camera.frame_age`).
        index: the position within the source, from 0.
        name: the file name of a photo; empty for other sources.
        size_wh: the width and height of the source's picture, px, if `image` has a smaller scale; else None.
        jpeg: the source's JPEG file of the picture, if `image` was decoded from it at a smaller scale; else None.
        full: the picture in the source's size from which `image` was averaged down, (H, W, 3) uint8 BGR; None if it was
            not.
    """

    image: Image = field(repr=False)
    captured_at: float
    index: int
    name: str = ""
    size_wh: tuple[int, int] | None = None
    jpeg: bytes | None = field(default=None, repr=False)
    full: Image | None = field(default=None, repr=False)

    def picture(self) -> Image:
        """Returns the picture in the source's size, (H, W, 3) uint8 BGR; copy it before drawing on it.

        If only the source's JPEG file has that size, each call decodes it again.
        """
        if self.full is not None:
            return self.full
        if self.jpeg is None or self.size_wh is None:
            return self.image
        return decode_photo(self.jpeg, None, where=self.name or f"frame {self.index}")
