"""Shots: pictures as a camera delivers them, decoded only if somebody needs them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from edgetl.card import InputSpec
from edgetl.device.camera.frame import Frame
from edgetl.vision.arrays import Image
from edgetl.vision.photo import PhotoError, decode_sized

_END_OF_IMAGE = b"\xff\xd9"
"""The marker at the end of a JPEG file."""


@dataclass(frozen=True, slots=True)
class Jpeg:
    """A picture that is still a JPEG file; it is decoded at the smallest scale that the model's input allows.

    Attributes:
        data: the JPEG file.
        captured_at: the time of capture; see `Frame`.
        index: the position within the source, from 0.
        spec: the model's input, from which the scale follows; None decodes every pixel.
    """

    data: bytes
    captured_at: float
    index: int
    spec: InputSpec | None = None

    @property
    def whole(self) -> bool:
        """Whether the file has its end, which a camera, a cable or a network may lose."""
        return self.data.rfind(_END_OF_IMAGE) > 0

    def decode(self) -> Frame | None:
        """Returns the frame; None if the file can't be decoded."""
        try:
            image, (height, width) = decode_sized(self.data, self.spec, where=f"frame {self.index}")
        except PhotoError:
            return None
        if image.shape[:2] == (height, width):
            return Frame(image, self.captured_at, self.index)
        return Frame(image, self.captured_at, self.index, size_wh=(width, height), jpeg=self.data)


@dataclass(frozen=True, slots=True)
class Grabbed:
    """A picture that OpenCV has grabbed, and that its camera holds until the next one.

    Retrieving it converts it to BGR, which is the expensive part.

    Attributes:
        retrieve: a function that returns the picture, (H, W, 3) uint8 BGR, or None if it can't be retrieved.
        captured_at: the time of capture; see `Frame`.
        index: the position within the source, from 0.
    """

    retrieve: Callable[[], Image | None]
    captured_at: float
    index: int

    def decode(self) -> Frame | None:
        """Returns the frame; None if the picture can't be retrieved."""
        image = self.retrieve()
        return None if image is None else Frame(image, self.captured_at, self.index)


StoredShot = Frame | Jpeg
"""A picture that stays valid, whatever its camera does next."""

Shot = StoredShot | Grabbed
"""A picture as a camera delivers it: a frame, or something that `decode_shot` turns into a frame."""


def decode_shot(shot: Shot) -> Frame | None:
    """Returns the frame of a shot; None if the shot can't be decoded."""
    return shot if isinstance(shot, Frame) else shot.decode()
