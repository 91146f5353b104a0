"""Estimates the confidence interval of a detector's mAP by a bootstrap over the photos."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edgetl.host.evaluate.mean_average_precision import DetectionEvaluation, PhotoRecord
from edgetl.vision.arrays import Doubles

_ROUNDS = 200
"""The photos are drawn this many times; more draws would move the interval by less than a percentage point."""

_RECALLS = np.linspace(0, 1, 101)
"""The recalls at which COCO interpolates the precision, 0..1."""


@dataclass(frozen=True, slots=True)
class _Class:
    """The boxes found of a class, the best score first.

    Attributes:
        photo: the photo of each found box, (D,) int64.
        right: whether a found box is right at each IoU, (10, D) bool.
        counted: whether a found box counts at all at each IoU, (10, D) bool.
        true_boxes: the number of boxes to be found in each photo, (P,) int64.
    """

    photo: NDArray[np.int64]
    right: NDArray[np.bool_]
    counted: NDArray[np.bool_]
    true_boxes: NDArray[np.int64]


def map_interval(evaluation: DetectionEvaluation, seed: int = 0) -> tuple[float, float]:
    """Returns the 95 % confidence interval of the mAP over the IoUs 0.50 to 0.95.

    Args:
        evaluation: the figures on the validation photos.
        seed: the seed of the random draws.

    Returns:
        The 2.5th and the 97.5th percentile over photos drawn with replacement, 0..1; NaN for fewer than two photos or
        without boxes.
    """
    photos = len(evaluation.truth)
    classes = [found for found in map(_collect, evaluation.records(), [photos] * len(evaluation.labels)) if found]
    if photos < 2 or not classes:
        return math.nan, math.nan
    rng = np.random.default_rng(seed)
    drawn = rng.multinomial(photos, np.full(photos, 1 / photos), _ROUNDS)
    with np.errstate(invalid="ignore"):
        values = [_mean_precision(classes, weights) for weights in drawn]
    low, high = np.nanpercentile(values, (2.5, 97.5))
    return float(low), float(high)


def _collect(records: list[PhotoRecord], photos: int) -> _Class | None:
    """Collects pycocotools' records of a class, one for each photo that shows it or in which it was found."""
    true_boxes = np.zeros(photos, np.int64)
    scores, places = [np.empty(0)], [np.empty(0, np.int64)]
    right, ignored = [np.empty((10, 0), bool)], [np.empty((10, 0), bool)]
    for record in records:
        photo = record["image_id"]
        true_boxes[photo] = int((np.asarray(record["gtIgnore"]) == 0).sum())
        scores.append(np.asarray(record["dtScores"], np.float64))
        places.append(np.full(len(scores[-1]), photo, np.int64))
        right.append(np.asarray(record["dtMatches"]).reshape(10, -1) > 0)
        ignored.append(np.asarray(record["dtIgnore"], bool).reshape(10, -1))
    if not true_boxes.any():
        return None
    order = np.argsort(-np.concatenate(scores), kind="mergesort")
    counted = ~np.concatenate(ignored, axis=1)[:, order]
    hits = np.concatenate(right, axis=1)[:, order] & counted
    return _Class(np.concatenate(places)[order], hits, counted, true_boxes)


def _mean_precision(classes: list[_Class], weights: NDArray[np.int64]) -> float:
    """Returns the mAP if each photo counts as often as its weight, (P,) int64; NaN if no boxes are to be found then."""
    found = [_precision(one, weights) for one in classes]
    return float(np.nanmean(found)) if not np.isnan(found).all() else math.nan


def _precision(one: _Class, weights: NDArray[np.int64]) -> float:
    true_boxes = int((one.true_boxes * weights).sum())
    if not true_boxes:
        return math.nan
    times = weights[one.photo]
    hits = np.cumsum(one.right * times, axis=1)
    predicted = np.cumsum(one.counted * times, axis=1)
    precision = hits / np.maximum(predicted, 1)
    envelope: Doubles = np.maximum.accumulate(precision[:, ::-1], axis=1)[:, ::-1]
    envelope = np.concatenate([envelope, np.zeros((len(envelope), 1))], axis=1)
    recall = hits / true_boxes
    rows = [np.searchsorted(row, _RECALLS, side="left") for row in recall]
    return float(np.mean([line[place] for line, place in zip(envelope, rows, strict=True)]))
