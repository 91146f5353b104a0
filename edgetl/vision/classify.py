"""Turns a classifier's scores into a Classification."""

from __future__ import annotations

import numpy as np

from edgetl.vision.arrays import ClassIds, Floats, Scores
from edgetl.vision.results import Classification


def softmax(logits: Floats) -> Scores:
    """Returns the probabilities of logits.

    Args:
        logits: a network's outputs, (…, C) float32.

    Returns:
        Probabilities, (…, C) float32, 0..1, that sum to one along the last axis.
    """
    shifted = np.exp(logits.astype(np.float32) - logits.max(axis=-1, keepdims=True))
    result: Scores = shifted / shifted.sum(axis=-1, keepdims=True)
    return result


def single(column: int, score: float, labels: tuple[str, ...], threshold: np.float32) -> Classification:
    """Makes a Classification of the best class; it is empty if the score doesn't reach the threshold.

    Args:
        column: column of the best class in the model's output.
        score: score of that class, 0..1; NaN reaches no threshold.
        labels: names of all classes.
        threshold: smallest score that is shown, 0..1, as float32: the score is compared in that type.
    """
    if not np.float32(score) >= threshold:  # written so that NaN is refused
        return Classification(np.empty(0, np.int64), np.empty(0, np.float32), ())
    return Classification(np.array((column,), np.int64), np.array((score,), np.float32), (labels[column],))


def best(
    scores: Scores,
    labels: tuple[str, ...],
    top_k: int,
    threshold: np.float32,
    columns: ClassIds | None = None,
) -> Classification:
    """Takes the best classes whose score reaches the threshold.

    Args:
        scores: scores of all classes, (C,) float32, 0..1.
        labels: names of the C classes.
        top_k: largest number of classes to take; of equal scores the first column goes first.
        threshold: smallest score that is taken, 0..1, as float32 like the scores.
        columns: columns to choose from, (K,) int64, ascending; None chooses from all.
    """
    if columns is not None and not len(columns):
        return Classification(np.zeros(0, np.int64), np.zeros(0, np.float32), ())
    candidates = scores if columns is None else scores[columns]
    order = np.array([int(candidates.argmax())]) if top_k == 1 else np.argsort(-candidates, kind="stable")[:top_k]
    if columns is not None:
        order = columns[order]
    order = order[scores[order] >= threshold]
    return Classification(order.astype(np.int64), scores[order], tuple(labels[i] for i in order))
