"""How sinks put results onto pictures."""

from __future__ import annotations

from typing import Protocol

from edgetl.vision.arrays import Image
from edgetl.vision.results import Result


class Drawing(Protocol):
    """Puts a result onto a picture: `edgetl.vision.draw.draw`, or a `SceneObserver`'s, which adds zones and lines."""

    def __call__(self, picture: Image, result: Result, /) -> None:
        """Draws in place; from any thread.

        Args:
            picture: (H, W, 3) uint8 BGR, of any size.
            result: of a picture of that shape.
        """
