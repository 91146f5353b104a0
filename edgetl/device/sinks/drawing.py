"""States how a function draws a result onto a picture, for the sinks that save or show pictures."""

from __future__ import annotations

from typing import Protocol

from edgetl.vision.arrays import Image
from edgetl.vision.results import Result


class Drawing(Protocol):
    """Draws a result onto a picture: `edgetl.vision.draw.draw`, or `SceneObserver.draw`, which adds zones and lines.

    Several sinks call the function at the same time, each in its own thread.
    """

    def __call__(self, picture: Image, result: Result, /) -> None:
        """Draws in place.

        Args:
            picture: the picture to draw on, (H, W, 3) uint8 BGR; its size may differ from the frame's.
            result: the result of the frame that the picture shows.
        """
