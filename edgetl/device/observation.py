"""What a run passes to its observer and its sinks: one frame, with what the model found in it."""

from __future__ import annotations

from dataclasses import dataclass, field

import cv2

from edgetl.device.camera.frame import Frame
from edgetl.device.stages import Timings
from edgetl.vision.arrays import Image, Scores
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
        scores: the scores of all classes of a classifier, (C,) float32, 0..1; None unless an output needs them.
    """

    frame: Frame
    result: Result
    timings: Timings
    age_ms: float
    scores: Scores | None = field(default=None, repr=False)

    def to_dict(self, start: float) -> dict[str, object]:
        """Returns the frame's number, times and result as JSON-ready values: a line of the JSON Lines.

        Args:
            start: the time from which `t` counts, by `time.monotonic`, s.
        """
        line: dict[str, object] = {"index": self.frame.index, "t": round(self.frame.captured_at - start, 4)}
        if self.frame.name:
            line["name"] = self.frame.name
        timings = self.timings
        stages = {"preprocess": timings.preprocess, "invoke": timings.invoke, "decode": timings.decode}
        line["timings_ms"] = {stage: round(ms, 3) for stage, ms in stages.items()}
        line["age_ms"] = round(self.age_ms, 3)
        return line | self.result.to_dict()

    def annotated(self) -> Image:
        """Returns a copy of the picture with the result drawn on it, (H, W, 3) uint8 BGR."""
        picture = self.frame.picture().copy()
        draw(picture, self.result)
        return picture

    def _repr_jpeg_(self) -> bytes:
        """Returns the annotated picture as a JPEG file, which a notebook shows."""
        return cv2.imencode(".jpg", self.annotated())[1].tobytes()
