"""A `.tflite` file where a Keras model is expected: it is asked in batches, one photo after the other."""

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
        runtime: the file, opened.
        card: says what the outputs mean and how many labels there are; None leaves the outputs as they are.
    """

    def __init__(self, runtime: Runtime, card: ModelCard | None = None) -> None:
        self.runtime = runtime
        self._logits = card is not None and card.classifier.scores == "logits"
        self._labels = len(card.labels) if card else 0

    def predict_on_batch(self, pixels: NDArray[np.generic]) -> NDArray[np.float32]:
        """Returns what the file says of (N, H, W, 3) pixels that are scaled as it wants them.

        Returns:
            The outputs, (N, columns) float32; with a card, the scores, (N, labels).
        """
        scores = np.stack([self._answer(photo) for photo in pixels])
        single = scores.shape[1] == 1
        if self._logits:
            scores = sigmoid(scores) if single else softmax(scores)
        return np.concatenate([1 - scores, scores], axis=1) if single and self._labels == 2 else scores

    def _answer(self, photo: NDArray[np.generic]) -> NDArray[np.float32]:
        view = self.runtime.input_view()
        view[...] = np.subtract(photo, 128, dtype=np.int16, casting="unsafe") if view.dtype == np.int8 else photo
        del view
        self.runtime.invoke()
        return self.runtime.outputs[0].dequantize(self.runtime.output_view(0))


def open_network(path: Path, card: ModelCard | None = None) -> TFLiteNetwork:
    """Opens a file; see `TFLiteNetwork`.

    Raises:
        ModelError: the interpreter refuses it, or it takes no image.
    """
    return TFLiteNetwork(open_runtime("tflite", path, 1), card)
