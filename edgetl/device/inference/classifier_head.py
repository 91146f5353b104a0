"""The head of classifiers: turns one output of scores or logits into a Classification."""

from __future__ import annotations

from math import isfinite, nan

import numpy as np

from edgetl.card import ModelCard
from edgetl.device.inference.finite_outputs import FiniteCheck
from edgetl.device.inference.output_shapes import CONVERT_REMEDY, check_classes, described
from edgetl.device.runtime import Runtime
from edgetl.errors import ModelError
from edgetl.vision.arrays import Scores
from edgetl.vision.classify import best, single, softmax
from edgetl.vision.filter import ResultFilter
from edgetl.vision.quantized import sigmoid
from edgetl.vision.results import Classification


class ClassifierHead:
    """Reads the one output of a classifier; see `edgetl.device.inference.heads.Head`.

    Args:
        runtime: the loaded model file.
        card: the card of the model.
        only: the filter of the results.

    Raises:
        ModelError: the output is not that of a classifier with the card's labels.
        UsageError: the model has no class of that name.
    """

    def __init__(self, runtime: Runtime, card: ModelCard, only: ResultFilter) -> None:
        self._runtime = runtime
        self._labels = card.labels
        self._decoding = card.classifier
        outputs = runtime.outputs
        if len(outputs) != 1 or len(outputs[0].shape) != 2:
            what = f"a classifier has one output of shape (1, classes), but the model has {described(outputs)}"
            raise ModelError(what, where=card.name, remedy=CONVERT_REMEDY)
        columns = outputs[0].shape[1]
        self._one_column_for_two = columns == 1 and len(card.labels) == 2
        if not self._one_column_for_two:
            check_classes(columns, card)
        self._scale, self._zero_point = (outputs[0].scale, outputs[0].zero_point) if outputs[0].scale else (1.0, 0)
        self._activation = (sigmoid if columns == 1 else softmax) if self._decoding.scores == "logits" else None
        self._finite = FiniteCheck(outputs, card.name)
        self._holds_scores = self._activation is None and not self._one_column_for_two
        self._is_always_finite = self._holds_scores and not self._finite.needed
        self._raw = np.empty(columns, np.float32)
        self._scores = np.empty(len(card.labels), np.float32)
        self.choose(only)

    def choose(self, only: ResultFilter) -> None:
        """Sets the filter of the results; see `edgetl.device.inference.heads.Head`."""
        columns = only.columns(self._labels)
        threshold = np.float32(self._decoding.threshold if only.threshold is None else only.threshold)
        # One assignment, so that a frame in another thread sees either the old filter or the new one.
        self._filter = only.top_k, threshold, None if columns is None else np.array(sorted(set(columns)), np.int64)

    def scores(self) -> Scores:
        """Returns the score of each class, (C,) float32, 0..1, or NaN if the output holds NaN or infinity.

        The array is reused by the next call.
        """
        # The arithmetic of `Tensor.dequantize`, into memory that is allocated once.
        np.subtract(self._runtime.output_view(0), self._zero_point, out=self._raw, dtype=np.float32)
        self._raw *= self._scale
        if not self._finite(self._raw):
            self._raw.fill(np.nan)
        elif self._activation:
            self._raw[:] = self._activation(self._raw)
        if self._one_column_for_two:
            self._scores[:] = 1 - self._raw[0], self._raw[0]
        else:
            self._scores[:] = self._raw
        return self._scores

    def __call__(self, size_wh: tuple[int, int]) -> Classification:
        """Returns the classes that the filter lets through; `size_wh` has no effect."""
        top_k, threshold, columns = self._filter
        if top_k == 1 and columns is None and self._is_always_finite:
            # The usual case needs one score only, and the largest number is the largest score.
            raw = self._runtime.output_view(0)
            column = int(raw.argmax())
            return single(column, (float(raw[column]) - self._zero_point) * self._scale, self._labels, threshold)
        if top_k == 1 and columns is None and self._holds_scores:
            raw = self._runtime.output_view(0)
            column = int(raw.argmax())
            score = float(raw[column])
            if not isfinite(score):
                self._finite.warn()
                score = nan  # NaN reaches no threshold
            return single(column, score, self._labels, threshold)
        return best(self.scores(), self._labels, top_k, threshold, columns)
