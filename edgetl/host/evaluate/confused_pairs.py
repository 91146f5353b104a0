"""Finds the pairs of classes that a classifier confuses most, with photos of each to compare."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from edgetl.host.evaluate.top1 import Evaluation

_MOST_EXAMPLES = 3
"""At most this many photos of each class are shown; they fit side by side."""


@dataclass(frozen=True, slots=True)
class Side:
    """The photos of one class of a pair.

    Attributes:
        label: the class.
        taken: the number of its photos for which the other class was predicted.
        examples: some of these photos, the most confident first; without any, photos that were recognised.
    """

    label: str
    taken: int
    examples: tuple[Path, ...]


@dataclass(frozen=True, slots=True)
class ConfusedPair:
    """Two classes that a classifier confuses.

    Attributes:
        first: the class whose photos are taken for the other class more often.
        second: the other class.
    """

    first: Side
    second: Side

    @property
    def count(self) -> int:
        """The number of photos that were taken for the other class."""
        return self.first.taken + self.second.taken


def confused_pairs(evaluation: Evaluation, photos: Sequence[Path], most: int = 4) -> list[ConfusedPair]:
    """Returns the pairs of classes with the most confused photos.

    Args:
        evaluation: the evaluation of N photos.
        photos: the N photo files, in the order of the evaluation.
        most: the largest number of pairs to return.
    """
    wrong = evaluation.confusion - np.diag(evaluation.confusion.diagonal())
    both = np.triu(wrong + wrong.T)
    order = np.argsort(-both, axis=None, kind="stable")[: min(most, np.count_nonzero(both))]
    pairs = []
    for a, b in zip(*(axis.tolist() for axis in np.unravel_index(order, both.shape)), strict=True):
        first, second = (a, b) if wrong[a, b] >= wrong[b, a] else (b, a)
        pairs.append(ConfusedPair(_side(evaluation, photos, first, second), _side(evaluation, photos, second, first)))
    return pairs


def _side(evaluation: Evaluation, photos: Sequence[Path], own: int, other: int) -> Side:
    taken = _examples(evaluation, own, other)
    shown = taken if len(taken) else _examples(evaluation, own, own)
    return Side(evaluation.labels[own], len(taken), tuple(photos[i] for i in shown[:_MOST_EXAMPLES]))


def _examples(evaluation: Evaluation, truth: int, predicted: int) -> list[int]:
    """Returns the positions of the photos of a class for which some class was predicted, the most confident first."""
    found = np.flatnonzero((evaluation.truth == truth) & (evaluation.predicted == predicted))
    order = np.argsort(-evaluation.scores[found, predicted], kind="stable")
    return [int(i) for i in found[order]]
