"""Writes frames into a model's input: preprocesses them, then scales or quantizes as the input needs."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np

from edgetl.card import InputSpec
from edgetl.device.inference.input_scaling import Scaling
from edgetl.device.runtime import Runtime
from edgetl.errors import UsageError
from edgetl.vision.arrays import Floats, Image
from edgetl.vision.preprocess import Preprocessor


def input_writer(runtime: Runtime, spec: InputSpec, scaling: Scaling | None) -> Callable[[Image], None]:
    """Chooses the function that writes an (H, W, 3) uint8 BGR frame into a runtime's input.

    Args:
        runtime: the loaded model file, whose input is uint8, int8 or float32.
        spec: the size, channel order and resizing of the input.
        scaling: the scaling of pixels; None if the input takes pixels as they are.
    """
    writer = _InputWriter(runtime, spec)
    if runtime.input.dtype == "float32":
        writer.scaling = scaling.rows(spec.width) if scaling else None
        return writer.float32
    if scaling:
        writer.table = scaling.levels(runtime.input)
        return writer.levels
    return writer.int8 if runtime.input.dtype == "int8" else writer.uint8


def frame_error(frame: object) -> UsageError:
    """Returns the error for a frame that can't be written into an input, such as the None that `cv2.imread` returns.

    Args:
        frame: the argument of the caller, which may be anything.
    """
    if frame is None:
        remedy = "check the path that cv2.imread was given: it returns None for a file that it can't read"
        return UsageError("the frame is None: the photo was not read", remedy=remedy)
    if not isinstance(frame, np.ndarray):
        what = f"a frame is an array, got {type(frame).__name__}"
        return UsageError(what, remedy="read a photo with cv2.imread(path)")
    if frame.dtype == np.uint8 and frame.ndim == 3 and frame.shape[2] == 3 and frame.size:
        return UsageError("the model is closed", remedy="open it again, or call it inside its `with` block")
    what = f"a frame is (H, W, 3) uint8 BGR, got {frame.shape} {frame.dtype}"
    remedy = "read a photo with cv2.imread(path); bring another array into that form with cv2.cvtColor and astype"
    return UsageError(what, remedy=remedy)


class _InputWriter:
    """The ways to write a frame, one for each kind of input; see `input_writer`.

    Attributes:
        scaling: mean and std of a float32 input, (W, 3) float32 each; None if it takes pixels as they are.
        table: the byte for each pixel value and channel of a quantized input, (256, 1, 3) uint8.
    """

    def __init__(self, runtime: Runtime, spec: InputSpec) -> None:
        self._runtime = runtime
        self._preprocess = Preprocessor(spec)
        self._pixels = np.zeros((spec.height, spec.width, 3), np.uint8)
        self.scaling: tuple[Floats, Floats] | None = None
        self.table = np.empty((256, 1, 3), np.uint8)

    def uint8(self, frame: Image) -> None:
        """Writes the pixels of an (H, W, 3) uint8 BGR frame as they are."""
        self._preprocess(frame, self._runtime.input_view())

    def int8(self, frame: Image) -> None:
        """Writes the pixels of an (H, W, 3) uint8 BGR frame less 128."""
        # OpenCV silently ignores an int8 destination, so pixels are written and then shifted by 128 in place.
        view = self._runtime.input_view().view(np.uint8)
        self._preprocess(frame, view)
        np.bitwise_xor(view, 128, out=view)

    def levels(self, frame: Image) -> None:
        """Writes, for each pixel of an (H, W, 3) uint8 BGR frame, the byte in the table."""
        self._preprocess(frame, self._pixels)
        cv2.LUT(self._pixels, self.table, dst=self._runtime.input_view().view(np.uint8))

    def float32(self, frame: Image) -> None:
        """Writes the scaled pixels of an (H, W, 3) uint8 BGR frame."""
        self._preprocess(frame, self._pixels)
        view = self._runtime.input_view()
        if self.scaling is None:
            np.copyto(view, self._pixels)
            return
        mean, std = self.scaling
        np.subtract(self._pixels, mean, out=view)
        np.divide(view, std, out=view)
