"""Frame to model input: the only code that does it, in training, calibration, evaluation and on the device."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from edgetl.card import InputSpec

Image = NDArray[np.uint8]

_INTERPOLATIONS = {"linear": cv2.INTER_LINEAR, "area": cv2.INTER_AREA}


class Preprocessor:
    """Resizes frames into a model's input; keeps its scratch image, so use one per stream.

    Args:
        spec: what the model wants.
    """

    def __init__(self, spec: InputSpec) -> None:
        self.spec = spec
        self._size = (spec.width, spec.height)
        self._interpolation = _INTERPOLATIONS[spec.interpolation]
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
        if self.spec.resize == "crop":
            frame = _centre(frame, self.spec.width / self.spec.height)
        if self._scratch is None:
            cv2.resize(frame, self._size, dst=out, interpolation=self._interpolation)
        else:
            cv2.resize(frame, self._size, dst=self._scratch, interpolation=self._interpolation)
            cv2.cvtColor(self._scratch, cv2.COLOR_BGR2RGB, dst=out)


def _centre(frame: Image, aspect: float) -> Image:
    """The largest centred view of `frame` whose width is `aspect` times its height."""
    height, width = frame.shape[:2]
    w, h = min(width, max(1, round(height * aspect))), min(height, max(1, round(width / aspect)))
    x, y = (width - w) // 2, (height - h) // 2
    return frame[y : y + h, x : x + w]
