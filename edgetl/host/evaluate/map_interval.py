"""Estimates the confidence intervals of a detector's mAP, and of its drop, by a bootstrap over the photos."""

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
    low, high = _percentiles(map_draws(evaluation, seed)[:, 0])
    return low, high


def map_drop_intervals(
    reference: Doubles, variant: Doubles, boxes: int
) -> tuple[tuple[float, float], tuple[float, float]]:
    """Returns the 95 % confidence intervals of the drop of mAP, and of mAP at IoU 0.5, from one detector to another.

    An interval reaches at least as far as that of a share of the boxes of which none differs (Agresti and Min 2005):
    a few photos without any difference are no certainty.

    Args:
        reference: the first detector's mAPs for the same draws of the same photos, (R, 2) float64, see `map_draws`.
        variant: the other detector's.
        boxes: the number of true boxes in the photos.

    Returns:
        The lower and the upper end for both drops, -1..1; NaN for fewer than two photos or without boxes.
    """
    least = 1.96 / (boxes + 2)
    drops = reference - variant
    first, second = (_at_least(drops[:, k], least) for k in range(2))
    return first, second


def _at_least(values: Doubles, least: float) -> tuple[float, float]:
    """Returns the interval of drawn values, which reaches at least so far from their middle."""
    known = values[~np.isnan(values)]
    low, high = _percentiles(known)
    middle = float(np.median(known)) if len(known) else math.nan
    return min(low, middle - least), max(high, middle + least)


def map_draws(evaluation: DetectionEvaluation, seed: int = 0) -> Doubles:
    """Draws the photos with replacement, again and again, and returns the mAPs of each draw.

    Two detectors that are evaluated on the same photos get the same draws for the same seed.

    Args:
        evaluation: the figures on the photos.
        seed: the seed of the random draws.

    Returns:
        (R, 2) float64, 0..1: the mAP over the IoUs 0.50 to 0.95 and the mAP at IoU 0.5 of each of R draws; NaN for a
        draw without boxes, and for fewer than two photos.
    """
    photos = len(evaluation.truth)
    classes = [found for found in map(_collect, evaluation.records(), [photos] * len(evaluation.labels)) if found]
    if photos < 2 or not classes:
        return np.full((1, 2), math.nan)
    rng = np.random.default_rng(seed)
    drawn = rng.multinomial(photos, np.full(photos, 1 / photos), _ROUNDS)
    with np.errstate(invalid="ignore"):
        return np.array([_mean_precision(classes, weights) for weights in drawn])


def _percentiles(values: Doubles) -> tuple[float, float]:
    known = values[~np.isnan(values)]
    if not len(known):
        return math.nan, math.nan
    low, high = np.percentile(known, (2.5, 97.5))
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


def _mean_precision(classes: list[_Class], weights: NDArray[np.int64]) -> tuple[float, float]:
    """Returns the mAP over all IoUs and at IoU 0.5 if each photo counts as often as its weight, (P,) int64.

    Both are NaN if no boxes are to be found then.
    """
    found = np.array([_precision(one, weights) for one in classes])
    known = found[~np.isnan(found[:, 0])]
    return (float(known.mean()), float(known[:, 0].mean())) if len(known) else (math.nan, math.nan)


def _precision(one: _Class, weights: NDArray[np.int64]) -> Doubles:
    """Returns the average precision of a class at each IoU, (10,) float64, 0..1; NaN without boxes to be found."""
    true_boxes = int((one.true_boxes * weights).sum())
    if not true_boxes:
        return np.full(10, math.nan)
    times = weights[one.photo]
    hits = np.cumsum(one.right * times, axis=1)
    predicted = np.cumsum(one.counted * times, axis=1)
    precision = hits / np.maximum(predicted, 1)
    envelope: Doubles = np.maximum.accumulate(precision[:, ::-1], axis=1)[:, ::-1]
    envelope = np.concatenate([envelope, np.zeros((len(envelope), 1))], axis=1)
    recall = hits / true_boxes
    rows = [np.searchsorted(row, _RECALLS, side="left") for row in recall]
    return np.array([line[place].mean() for line, place in zip(envelope, rows, strict=True)])
