"""Frame to model input: the only code that does it, in training, calibration, evaluation and on the device."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from edgetl.card import InputSpec

Image = NDArray[np.uint8]

_INTERPOLATIONS = {"linear": cv2.INTER_LINEAR, "area": cv2.INTER_AREA}


def reduction(height: int, width: int, spec: InputSpec) -> int:
    """Returns by which power of two a picture is averaged down before it is resized.

    It leaves both sides, either way up, at least twice as long as the input's, as a 640 x 480 frame is to a usual
    input. Without it, a photo of twelve megapixels or a 1080p frame would be sampled at one pixel in a hundred; and
    reduced to the input itself, a ready-made classifier at 128 px lost five points of top-1 by the blur.
    """
    (short, long), (need_short, need_long) = sorted((height, width)), sorted((2 * spec.height, 2 * spec.width))
    return next((f for f in (64, 32, 16, 8, 4, 2) if short // f >= need_short and long // f >= need_long), 1)


class Preprocessor:
    """Averages frames down and resizes them into a model's input; keeps its scratch images, so use one per stream.

    Args:
        spec: what the model wants.
    """

    def __init__(self, spec: InputSpec) -> None:
        self.spec = spec
        self._size = (spec.width, spec.height)
        self._interpolation = _INTERPOLATIONS[spec.interpolation]
        self._averaged = np.empty((0, 0, 3), np.uint8)
        self._scratch = np.empty((spec.height, spec.width, 3), np.uint8) if spec.color == "rgb" else None

    def __call__(self, frame: Image, out: Image) -> None:
        """Writes `frame` into `out`.

        Args:
            frame: (H, W, 3) uint8 BGR.
            out: (height, width, 3) uint8 C-contiguous, in the spec's colour order; may be a runtime's own
                input tensor.

        Raises:
            ValueError: an array of another shape or type. OpenCV would leave such an `out` untouched.
        """
        if frame.dtype != np.uint8 or frame.ndim != 3 or frame.shape[2] != 3:
            raise ValueError(f"a frame is (H, W, 3) uint8, got {frame.shape} {frame.dtype}")
        if out.dtype != np.uint8 or out.shape != (self.spec.height, self.spec.width, 3):
            raise ValueError(
                f"the input is ({self.spec.height}, {self.spec.width}, 3) uint8, got {out.shape} {out.dtype}"
            )
        factor = reduction(frame.shape[0], frame.shape[1], self.spec)
        if factor > 1:
            frame = self._average(frame, factor)
        if self.spec.resize == "crop":
            frame = _centre(frame, self.spec.width / self.spec.height)
        if self._scratch is None:
            cv2.resize(frame, self._size, dst=out, interpolation=self._interpolation)
        else:
            cv2.resize(frame, self._size, dst=self._scratch, interpolation=self._interpolation)
            cv2.cvtColor(self._scratch, cv2.COLOR_BGR2RGB, dst=out)

    def _average(self, frame: Image, factor: int) -> Image:
        height, width = frame.shape[0] // factor, frame.shape[1] // factor
        if self._averaged.shape[:2] != (height, width):
            self._averaged = np.empty((height, width, 3), np.uint8)
        whole = frame[: height * factor, : width * factor]  # by an integer factor: exact, and OpenCV's fast way
        cv2.resize(whole, (width, height), dst=self._averaged, interpolation=cv2.INTER_AREA)
        return self._averaged


def _centre(frame: Image, aspect: float) -> Image:
    """The largest centred view of `frame` whose width is `aspect` times its height."""
    height, width = frame.shape[:2]
    w, h = min(width, max(1, round(height * aspect))), min(height, max(1, round(width / aspect)))
    x, y = (width - w) // 2, (height - h) // 2
    return frame[y : y + h, x : x + w]
