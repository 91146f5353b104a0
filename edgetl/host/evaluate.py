"""How right a classifier is: top-1, confusion, precision and recall by class."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edgetl.device.model import Model
from edgetl.vision.photo import read_photo


@dataclass(frozen=True, slots=True)
class Evaluation:
    """A classifier's scores on labelled photos.

    Attributes:
        labels: the C classes' names.
        truth: (N,) int64, the right class.
        scores: (N, C) float32, 0..1.
    """

    labels: tuple[str, ...]
    truth: NDArray[np.int64]
    scores: NDArray[np.float32]

    @property
    def predicted(self) -> NDArray[np.int64]:
        """(N,) int64, the best class of each photo."""
        return self.scores.argmax(axis=1).astype(np.int64)

    @property
    def top1(self) -> float:
        """Share of photos whose best class is right, 0..1."""
        return float((self.predicted == self.truth).mean())

    @property
    def confusion(self) -> NDArray[np.int64]:
        """(C, C) int64 counts; rows are the truth, columns what was said."""
        size = len(self.labels)
        counts: NDArray[np.int64] = np.bincount(self.truth * size + self.predicted, minlength=size * size)
        return counts.reshape(size, size)

    @property
    def recall(self) -> NDArray[np.float64]:
        """(C,) share of each class's photos that were found; NaN where there are none."""
        return _ratio(self.confusion.diagonal(), self.confusion.sum(axis=1))

    @property
    def precision(self) -> NDArray[np.float64]:
        """(C,) share of right ones among what was called so; NaN where nothing was."""
        return _ratio(self.confusion.diagonal(), self.confusion.sum(axis=0))


def _ratio(part: NDArray[np.int64], whole: NDArray[np.int64]) -> NDArray[np.float64]:
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(part / whole, np.float64)


def evaluate_model(model: Model, photos: Sequence[Path], truth: Iterable[int]) -> Evaluation:
    """Runs photo files through the device's own code.

    Args:
        model: an opened model.
        photos: N photo files.
        truth: N right classes, columns of the model's output.

    Raises:
        PhotoError: a photo can't be opened.
    """
    scores = np.stack([model.scores(read_photo(path, model.card.input)).copy() for path in photos])
    return Evaluation(model.card.labels, np.fromiter(truth, np.int64), scores)
