"""Runs a `.tflite` classifier where a Keras model is expected: batches go through an interpreter photo by photo."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edgetl.card import ModelCard
from edgetl.device.runtime import Runtime, open_runtime
from edgetl.vision.classify import softmax
from edgetl.vision.quantized import sigmoid


class TFLiteNetwork:
    """A classifier's file in an interpreter.

    Args:
        runtime: the opened file.
        card: the card, which says what the outputs mean and how many labels there are; None leaves the outputs as they
            are.
    """

    def __init__(self, runtime: Runtime, card: ModelCard | None = None) -> None:
        self.runtime = runtime
        self._logits = card is not None and card.classifier.scores == "logits"
        self._labels = len(card.labels) if card else 0

    def predict_on_batch(self, pixels: NDArray[np.generic], /) -> NDArray[np.float32]:
        """Returns the outputs for a batch of photos.

        Args:
            pixels: the photos, (N, H, W, 3) uint8, or float32 in the scaling that the file takes.

        Returns:
            (N, columns) float32 outputs; with a card, (N, labels) float32 scores, 0..1.
        """
        scores = np.stack([self._run(photo) for photo in pixels])
        single = scores.shape[1] == 1
        if self._logits:
            scores = sigmoid(scores) if single else softmax(scores)
        return np.concatenate([1 - scores, scores], axis=1) if single and self._labels == 2 else scores

    def _run(self, photo: NDArray[np.generic]) -> NDArray[np.float32]:
        """Returns the dequantized output for a photo, (columns,) float32.

        Args:
            photo: the photo, (H, W, 3) uint8, or float32 in the scaling that the file takes.
        """
        view = self.runtime.input_view()
        view[...] = np.subtract(photo, 128, dtype=np.int16, casting="unsafe") if view.dtype == np.int8 else photo
        del view  # the interpreter refuses to run while a view of its memory exists
        self.runtime.invoke()
        return self.runtime.outputs[0].dequantize(self.runtime.output_view(0))


def open_network(path: Path, card: ModelCard | None = None) -> TFLiteNetwork:
    """Opens a `.tflite` file, see `TFLiteNetwork`.

    Raises:
        ModelError: the interpreter refuses the file, or its input is no image.
    """
    return TFLiteNetwork(open_runtime("tflite", path, 1), card)
