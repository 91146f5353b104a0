"""What a run passes to its observer and its sinks: one frame, with what the model found in it."""

from __future__ import annotations

from dataclasses import dataclass

from edgetl.device.camera.frame import Frame
from edgetl.device.stages import Timings
from edgetl.vision.results import Result


@dataclass(frozen=True, slots=True)
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
