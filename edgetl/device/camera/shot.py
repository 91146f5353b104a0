"""Pictures as cameras give them: not decoded, or not taken out, before they are wanted."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from edgetl.card import InputSpec
from edgetl.device.camera.frame import Frame
from edgetl.vision.arrays import Image
from edgetl.vision.photo import PhotoError, decode_sized


@dataclass(frozen=True, slots=True)
class Jpeg:
    """A picture not decoded yet; it is, at the smallest scale that will do.

    Attributes:
        data: a JPEG file.
        captured_at: see `Frame`.
        index: see `Frame`.
        spec: the model's input, which says at what scale it is decoded; None gives every pixel.
    """

    data: bytes
    captured_at: float
    index: int
    spec: InputSpec | None = None

    @property
    def whole(self) -> bool:
        """Whether the file has its end; a camera, a cable or a network may lose it."""
        return self.data.rfind(b"\xff\xd9") > 0

    def decode(self) -> Frame | None:
        """Returns the frame; None where it can't be decoded."""
        try:
            image, (height, width) = decode_sized(self.data, self.spec, where=f"frame {self.index}")
        except PhotoError:
            return None
        if image.shape[:2] == (height, width):
            return Frame(image, self.captured_at, self.index)
        return Frame(image, self.captured_at, self.index, size_wh=(width, height), jpeg=self.data)


@dataclass(frozen=True, slots=True)
class Grabbed:
    """A picture that the camera holds until its next one: taking it out costs what making BGR of it does.

    Attributes:
        retrieve: takes it out, (H, W, 3) uint8 BGR; None where it can't be.
        captured_at: see `Frame`.
        index: see `Frame`.
    """

    retrieve: Callable[[], Image | None]
    captured_at: float
    index: int

    def decode(self) -> Frame | None:
        """Returns the frame; None where it can't be taken out."""
        image = self.retrieve()
        return None if image is None else Frame(image, self.captured_at, self.index)


Kept = Frame | Jpeg
"""A picture that stays, whatever its camera does next."""

Shot = Kept | Grabbed
"""What a camera gives: a picture, or what becomes one."""


def developed(shot: Shot) -> Frame | None:
    """Returns a shot's frame; None where it can't be decoded."""
    return shot if isinstance(shot, Frame) else shot.decode()
