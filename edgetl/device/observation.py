"""What a run passes to its observer and its sinks: one frame, with what the model found in it."""

from __future__ import annotations

from dataclasses import dataclass

import cv2

from edgetl.device.camera.frame import Frame
from edgetl.device.stages import Timings
from edgetl.vision.arrays import Image
from edgetl.vision.draw import draw
from edgetl.vision.results import Result


@dataclass(frozen=True, slots=True, eq=False)
class Observation:
    """One frame with its result.

    Example:
        >>> import edgetl
        >>> observations = []
        >>> settings = edgetl.RunSettings(model="parts", source="photos/disc", max_frames=1)
        >>> result = edgetl.run(settings, observations.append)
        >>> observations[0].frame.name
        '00.jpg'

    Attributes:
        frame: the frame that the model ran on.
        result: what the model found in the frame.
        timings: how long each stage of the inference took, ms.
        age_ms: time from the frame's capture to its result, ms.
    """

    frame: Frame
    result: Result
    timings: Timings
    age_ms: float

    def annotated(self) -> Image:
        """Returns a copy of the picture with the result drawn on it, (H, W, 3) uint8 BGR."""
        picture = self.frame.picture().copy()
        draw(picture, self.result)
        return picture

    def _repr_jpeg_(self) -> bytes:
        """Returns the annotated picture as a JPEG file, which a notebook shows."""
        return cv2.imencode(".jpg", self.annotated())[1].tobytes()
