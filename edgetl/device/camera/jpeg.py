"""Pictures of cameras that deliver JPEGs: decoded when they are wanted, at the smallest scale that will do."""

from __future__ import annotations

from dataclasses import dataclass

from edgetl.card import InputSpec
from edgetl.device.camera import Frame
from edgetl.vision.photo import PhotoError, decode_sized


@dataclass(frozen=True, slots=True)
class Jpeg:
    """A picture not decoded yet.

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


Shot = Frame | Jpeg
"""What a camera gives: a picture, or what becomes one."""


def developed(shot: Shot) -> Frame | None:
    """Returns a shot's frame; None where it is a JPEG that can't be decoded."""
    return shot.decode() if isinstance(shot, Jpeg) else shot
