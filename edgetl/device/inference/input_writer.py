"""Frames into a model's input: each kind of input has its own way, chosen once."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np

from edgetl.card import InputSpec
from edgetl.device.inference.input_scaling import Scaling
from edgetl.device.runtime import Runtime
from edgetl.errors import UsageError
from edgetl.vision.arrays import Image
from edgetl.vision.preprocess import Preprocessor


def input_writer(runtime: Runtime, spec: InputSpec, scaling: Scaling | None) -> Callable[[Image], None]:
    """Chooses what writes a (H, W, 3) uint8 BGR frame into a runtime's input.

    Args:
        runtime: the loaded model file; its input is uint8, int8 or float32.
        spec: what the frame becomes first.
        scaling: of pixels; None where the input takes them as they are.
    """
    writer = _InputWriter(runtime, spec)
    if runtime.input.dtype == "float32":
        writer.scaling = scaling.rows(spec.width) if scaling else None
        return writer.float32
    if scaling:
        writer.table = scaling.levels(runtime.input)
        return writer.levels
    return writer.int8 if runtime.input.dtype == "int8" else writer.uint8


def no_frame(frame: object) -> UsageError:
    """Returns the error of a frame that is no array, as None is, which `cv2.imread` gives for a file it can't read."""
    if frame is None:
        remedy = "check the path that cv2.imread was given: it returns None for a file that it can't read"
        return UsageError("the frame is None: the photo was not read", remedy=remedy)
    return UsageError(f"a frame is an array, got {type(frame).__name__}", remedy="read a photo with cv2.imread(path)")


class _InputWriter:
    """The ways to write a frame; see `input_writer`."""

    def __init__(self, runtime: Runtime, spec: InputSpec) -> None:
        self._runtime = runtime
        self._preprocess = Preprocessor(spec)
        self._pixels = np.zeros((spec.height, spec.width, 3), np.uint8)
        self.scaling: tuple[np.ndarray, np.ndarray] | None = None
        self.table = np.empty((256, 1, 3), np.uint8)

    def uint8(self, frame: Image) -> None:
        """Writes pixels as they are."""
        self._preprocess(frame, self._runtime.input_view())

    def int8(self, frame: Image) -> None:
        """Writes pixels less 128."""
        # OpenCV ignores an int8 destination without a word: write pixels, then shift them by 128 in place.
        view = self._runtime.input_view().view(np.uint8)
        self._preprocess(frame, view)
        np.bitwise_xor(view, 128, out=view)

    def levels(self, frame: Image) -> None:
        """Writes the byte that a table gives for each pixel's value."""
        self._preprocess(frame, self._pixels)
        cv2.LUT(self._pixels, self.table, dst=self._runtime.input_view().view(np.uint8))

    def float32(self, frame: Image) -> None:
        """Writes scaled pixels."""
        self._preprocess(frame, self._pixels)
        view = self._runtime.input_view()
        if self.scaling is None:
            np.copyto(view, self._pixels)
            return
        mean, std = self.scaling
        np.subtract(self._pixels, mean, out=view)
        np.divide(view, std, out=view)
