"""A `.tflite` file where a Keras model is expected: it is asked in batches, one photo after the other."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edgetl.device.runtime import Runtime, open_runtime
from edgetl.vision.classify import softmax as softmax_of


class TFLiteNetwork:
    """A classifier's file in an interpreter.

    Args:
        runtime: the file, opened.
        softmax: makes probabilities of what it says.
    """

    def __init__(self, runtime: Runtime, *, softmax: bool = False) -> None:
        self.runtime = runtime
        self._softmax = softmax

    def predict_on_batch(self, pixels: NDArray[np.generic]) -> NDArray[np.float32]:
        """Returns what the file says, (N, classes) float32, of (N, H, W, 3) pixels, scaled as it wants them."""
        scores = np.stack([self._answer(photo) for photo in pixels])
        return softmax_of(scores) if self._softmax else scores

    def _answer(self, photo: NDArray[np.generic]) -> NDArray[np.float32]:
        view = self.runtime.input_view()
        view[...] = np.subtract(photo, 128, dtype=np.int16, casting="unsafe") if view.dtype == np.int8 else photo
        del view
        self.runtime.invoke()
        output, raw = self.runtime.outputs[0], self.runtime.output_view(0).astype(np.float32)
        return (raw - output.zero_point) * np.float32(output.scale) if output.scale else raw


def open_network(path: Path, *, softmax: bool = False) -> TFLiteNetwork:
    """Opens a file; see `TFLiteNetwork`.

    Raises:
        ModelError: the interpreter refuses it, or it takes no image.
    """
    return TFLiteNetwork(open_runtime("tflite", path, 1), softmax=softmax)
