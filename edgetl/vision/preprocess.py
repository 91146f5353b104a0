"""Turns frames into model inputs; training, calibration, evaluation and the device all use this code and no other."""

from __future__ import annotations

import cv2
import numpy as np

from edgetl.card import InputSpec
from edgetl.vision.arrays import Image
from edgetl.vision.letterbox import Layout, layout

GREY = 114
"""A letterbox's bars have this value in every channel, 0..255, as in YOLO's tools."""

_INTERPOLATIONS = {
    "linear": cv2.INTER_LINEAR,
    "linear_exact": cv2.INTER_LINEAR_EXACT,
    "area": cv2.INTER_AREA,
}


class Preprocessor:
    """Averages frames down and resizes them into a model's input.

    It keeps scratch images between frames, so one stream and one thread use it.

    Args:
        spec: the model's input.
    """

    def __init__(self, spec: InputSpec) -> None:
        self.spec = spec
        self._frame_size = (0, 0)
        self._layout = Layout(1, (0, 0, 0, 0), (0, 0, 0, 0))
        self._interpolation = _INTERPOLATIONS[spec.interpolation]
        self._averaged = np.empty((0, 0, 3), np.uint8)
        self._scratch = np.empty((0, 0, 3), np.uint8)

    def __call__(self, frame: Image, out: Image) -> None:
        """Writes a frame into a model's input.

        Args:
            frame: the frame, (H, W, 3) uint8 BGR, 0..255.
            out: the array to write to, (height, width, 3) uint8, C-contiguous, in the colour order of the input; it
                may be a runtime's own input tensor.

        Raises:
            ValueError: an array has another shape or type; OpenCV would leave such an `out` untouched.
        """
        if frame.dtype != np.uint8 or frame.ndim != 3 or frame.shape[2] != 3:
            raise ValueError(f"a frame is (H, W, 3) uint8, got {frame.shape} {frame.dtype}")
        if out.dtype != np.uint8 or out.shape != (self.spec.height, self.spec.width, 3):
            raise ValueError(
                f"the input is ({self.spec.height}, {self.spec.width}, 3) uint8, got {out.shape} {out.dtype}"
            )
        if frame.shape[:2] != self._frame_size:
            self._plan(frame.shape[0], frame.shape[1])
        if self._layout.factor > 1:
            frame = self._average(frame, self._layout.factor)
        size = self._layout.place[2:]
        if self.spec.resize == "crop":
            x, y, width, height = self._layout.part
            frame = frame[y : y + height, x : x + width]
        elif self.spec.resize == "letterbox":
            self._fill_bars(out)
            x, y, width, height = self._layout.place
            out = out[y : y + height, x : x + width]
        if self.spec.color == "bgr":
            cv2.resize(frame, size, dst=out, interpolation=self._interpolation)
        else:
            cv2.resize(frame, size, dst=self._scratch, interpolation=self._interpolation)
            cv2.cvtColor(self._scratch, cv2.COLOR_BGR2RGB, dst=out)

    def _plan(self, height: int, width: int) -> None:
        self._layout = layout(height, width, self.spec)
        self._frame_size = (height, width)
        if self.spec.color == "rgb":
            self._scratch = np.empty((*self._layout.place[:1:-1], 3), np.uint8)

    def _fill_bars(self, out: Image) -> None:
        # In each frame, because the caller may have changed them: one turns the pixels into int8 in place.
        x, y, width, height = self._layout.place
        out[:y], out[y + height :] = GREY, GREY
        out[y : y + height, :x], out[y : y + height, x + width :] = GREY, GREY

    def _average(self, frame: Image, factor: int) -> Image:
        height, width = frame.shape[0] // factor, frame.shape[1] // factor
        if self._averaged.shape[:2] != (height, width):
            self._averaged = np.empty((height, width, 3), np.uint8)
        return averaged(frame, factor, self._averaged)


def averaged(frame: Image, factor: int, out: Image | None = None) -> Image:
    """Averages a frame down, which is `Preprocessor`'s first step: it makes the same input of the result.

    Args:
        frame: the frame, (H, W, 3) uint8 BGR, 0..255.
        factor: side of the blocks of pixels that are averaged, of `edgetl.vision.letterbox.reduction`.
        out: the array to write to, (H // factor, W // factor, 3) uint8; None makes a new one.

    Returns:
        The smaller frame, (H // factor, W // factor, 3) uint8 BGR, 0..255.
    """
    height, width = frame.shape[0] // factor, frame.shape[1] // factor
    blocks = frame[: height * factor, : width * factor]  # OpenCV is fast and exact with an integer factor only
    return np.asarray(cv2.resize(blocks, (width, height), dst=out, interpolation=cv2.INTER_AREA), np.uint8)
