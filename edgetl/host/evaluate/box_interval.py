"""How sure a detector's mAP is: a bootstrap over the photos."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edgetl.host.evaluate.box_metrics import DetectionEvaluation, Floats

_ROUNDS = 200
"""So many times the photos are drawn anew; more would move the interval by less than a point."""
_RECALLS = np.linspace(0, 1, 101)


@dataclass(frozen=True, slots=True)
class _Class:
    """What was found of a class, the best score first.

    Attributes:
        photo: (D,) int64, the photo of each found box.
        right: (10, D) bool, whether it is right, by IoU.
        counted: (10, D) bool, whether it counts at all, by IoU.
        wanted: (P,) int64, the boxes to be found in each photo.
    """

    photo: NDArray[np.int64]
    right: NDArray[np.bool_]
    counted: NDArray[np.bool_]
    wanted: NDArray[np.int64]


def map_interval(evaluation: DetectionEvaluation, seed: int = 0) -> tuple[float, float]:
    """Returns the 95 % confidence interval of an mAP over IoU 0.50 to 0.95.

    Args:
        evaluation: the figures on the validation photos.
        seed: of the drawing.

    Returns:
        The 2.5th and the 97.5th percentile, 0..1, over photos drawn with replacement; NaN for fewer than two photos or
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


def _collect(records: list[dict[str, object]], photos: int) -> _Class | None:
    """Puts pycocotools' records of a class, one for each photo that has it or where it was found, into arrays."""
    wanted = np.zeros(photos, np.int64)
    scores, places = [np.empty(0)], [np.empty(0, np.int64)]
    right, ignored = [np.empty((10, 0), bool)], [np.empty((10, 0), bool)]
    for record in records:
        photo = int(record["image_id"])  # type: ignore[call-overload]
        wanted[photo] = int((np.asarray(record["gtIgnore"]) == 0).sum())
        scores.append(np.asarray(record["dtScores"], np.float64))
        places.append(np.full(len(scores[-1]), photo, np.int64))
        right.append(np.asarray(record["dtMatches"]).reshape(10, -1) > 0)
        ignored.append(np.asarray(record["dtIgnore"], bool).reshape(10, -1))
    if not wanted.any():
        return None
    order = np.argsort(-np.concatenate(scores), kind="mergesort")
    counted = ~np.concatenate(ignored, axis=1)[:, order]
    hits = np.concatenate(right, axis=1)[:, order] & counted
    return _Class(np.concatenate(places)[order], hits, counted, wanted)


def _mean_precision(classes: list[_Class], weights: NDArray[np.int64]) -> float:
    """Returns the mAP if each photo counted as often as its weight says; NaN if then there is nothing to find."""
    found = [_precision(one, weights) for one in classes]
    return float(np.nanmean(found)) if not np.isnan(found).all() else math.nan


def _precision(one: _Class, weights: NDArray[np.int64]) -> float:
    wanted = int((one.wanted * weights).sum())
    if not wanted:
        return math.nan
    times = weights[one.photo]
    hits = np.cumsum(one.right * times, axis=1)
    called = np.cumsum(one.counted * times, axis=1)
    precision = hits / np.maximum(called, 1)
    envelope: Floats = np.maximum.accumulate(precision[:, ::-1], axis=1)[:, ::-1]
    envelope = np.concatenate([envelope, np.zeros((len(envelope), 1))], axis=1)
    recall = hits / wanted
    rows = [np.searchsorted(row, _RECALLS, side="left") for row in recall]
    return float(np.mean([line[place] for line, place in zip(envelope, rows, strict=True)]))
