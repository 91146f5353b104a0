"""Scores to a Classification."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from edgetl.vision.arrays import Scores
from edgetl.vision.results import Classification


def softmax(logits: NDArray[np.floating]) -> Scores:
    """Returns (…, C) probabilities of (…, C) logits."""
    shifted = np.exp(logits.astype(np.float32) - logits.max(axis=-1, keepdims=True))
    result: Scores = shifted / shifted.sum(axis=-1, keepdims=True)
    return result


def single(column: int, score: float, labels: tuple[str, ...], threshold: np.float32) -> Classification:
    """Makes a Classification of the best class; an empty one where its score doesn't reach the threshold.

    Args:
        column: of the model's output.
        score: 0..1, or NaN, which reaches no threshold.
        labels: all classes' names.
        threshold: 0..1, a float32, as the score is compared as one.
    """
    if not np.float32(score) >= threshold:  # so that NaN doesn't
        return Classification(np.empty(0, np.int64), np.empty(0, np.float32), ())
    return Classification(np.array((column,), np.int64), np.array((score,), np.float32), (labels[column],))


def best(
    scores: Scores,
    labels: tuple[str, ...],
    top_k: int,
    threshold: np.float32,
    columns: NDArray[np.int64] | None = None,
) -> Classification:
    """Takes the best classes whose score reaches the threshold.

    Args:
        scores: (C,) float32, 0..1.
        labels: the C classes' names.
        top_k: at most so many, ties in the order of the columns.
        threshold: 0..1, a float32 as the scores are.
        columns: to choose from, ascending; None for all.
    """
    if columns is not None and not len(columns):
        return Classification(np.zeros(0, np.int64), np.zeros(0, np.float32), ())
    among = scores if columns is None else scores[columns]
    order = np.array([int(among.argmax())]) if top_k == 1 else np.argsort(-among, kind="stable")[:top_k]
    if columns is not None:
        order = columns[order]
    order = order[scores[order] >= threshold]
    return Classification(order.astype(np.int64), scores[order], tuple(labels[i] for i in order))
