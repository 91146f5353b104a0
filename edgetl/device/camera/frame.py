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


@dataclass(frozen=True, slots=True)
class FrameClock:
    """Tells the time of a frame within its source: a live camera's time of capture, a film's own time.

    A film is read faster or slower than it was taken, so the numbers of its frames count. Photos count as one a second.

    Attributes:
        live: whether the frames come from a live camera.
        fps: number of frames a second of a film; None for photos.
    """

    live: bool
    fps: float | None = None

    def __call__(self, frame: Frame) -> float:
        """Returns the time of a frame, s."""
        return frame.captured_at if self.live else frame.index / (self.fps or 1.0)


class FrameSampler:
    """Chooses frames that are at least so far apart; it is called with every frame, in order.

    Args:
        clock: the time of a frame.
        period: the shortest time between two chosen frames, s.
    """

    def __init__(self, clock: FrameClock, period: float) -> None:
        self._clock = clock
        self._period = period
        self._last: float | None = None

    def __call__(self, frame: Frame) -> bool:
        """Says whether a frame is chosen; a source that begins again is chosen from at once."""
        at, last = self._clock(frame), self._last
        if last is not None and 0 <= at - last < self._period:
            return False
        self._last = at
        return True
