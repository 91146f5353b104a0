"""The accuracy of a detector: COCO's mAP by pycocotools, F1 over the threshold, confusion with the background.

The definitions are COCO's (https://cocodataset.org/#detection-eval): mAP averages over the IoUs 0.50, 0.55 … 0.95.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import redirect_stdout
from dataclasses import dataclass
from functools import cached_property
from io import StringIO
from typing import TypedDict

import numpy as np
from numpy.typing import NDArray

from edgetl.host.dataset.boxes.coco_sizes import Size
from edgetl.host.dataset.boxes.truth import Found, Truth
from edgetl.host.evaluate.match_truth import false_alarms, match_truth, shown_boxes
from edgetl.host.networks.untyped import Library
from edgetl.vision.arrays import Doubles, Integers, Mask
from edgetl.vision.filter import class_thresholds

_SIZES: tuple[Size, ...] = ("small", "medium", "large")
"""COCO's sizes in the order in which pycocotools reports them, after the figure of all sizes together."""

_ALL_SIZES = 1 + len(_SIZES)

IOUS = tuple(round(0.5 + 0.05 * step, 2) for step in range(10))
"""The IoUs of COCO's mAP, 0..1: from each of them on, a found box counts as right in one of ten evaluations."""

_DEFAULT_THRESHOLD = 0.25
"""The display threshold of a class that was never found correctly, 0..1; a common choice for detectors."""


class PhotoRecord(TypedDict):
    """The result of pycocotools for one class in one photo with K true and D found boxes, the best score first.

    Attributes:
        image_id: the position of the photo.
        gtIgnore: whether a true box is ignored, (K,) 0 or 1.
        dtScores: the scores of the found boxes, D values of 0..1.
        dtMatches: the id of the true box of each found box at each IoU, (10, D) float64; 0 for none.
        dtIgnore: whether a found box is ignored at each IoU, (10, D) bool.
    """

    image_id: int
    gtIgnore: NDArray[np.int64]
    dtScores: list[float]
    dtMatches: Doubles
    dtIgnore: Mask


@dataclass(frozen=True, slots=True)
class Curve:
    """Precision and recall of one class at IoU 0.5 as the display threshold falls.

    Attributes:
        score: the scores of the D found boxes, (D,) float64, falling, 0..1.
        precision: the precision of all boxes down to each score, (D,) float64, 0..1.
        recall: the recall of all boxes down to each score, (D,) float64, 0..1.
    """

    score: Doubles
    precision: Doubles
    recall: Doubles

    @property
    def f1(self) -> Doubles:
        """The harmonic mean of precision and recall, (D,) float64, 0..1."""
        return 2 * self.precision * self.recall / np.maximum(self.precision + self.recall, 1e-9)

    def best_threshold(self, otherwise: float) -> float:
        """Returns the threshold with the best F1, a little below the score that reaches it.

        Args:
            otherwise: the result if no box was found correctly, 0..1.
        """
        if not len(self.score) or not self.recall[-1]:
            return otherwise
        best = int(self.f1.argmax())
        # Halfway to the next lower score, so that a slightly lower score of the same box still passes.
        below = self.score[best + 1] if best + 1 < len(self.score) else 0.0
        return float((self.score[best] + below) / 2)


class DetectionEvaluation:
    """A detector's figures on photos with true boxes.

    Args:
        labels: the names of the C classes.
        truth: the true boxes of each of N photos.
        found: the found boxes of each of N photos.
    """

    def __init__(self, labels: Sequence[str], truth: Sequence[Truth], found: Sequence[Found]) -> None:
        self.labels, self.truth, self.found = tuple(labels), tuple(truth), tuple(found)

    @property
    def map(self) -> float:
        """The mAP over the IoUs 0.50 to 0.95, 0..1; NaN without boxes."""
        return _mean(self._precision[:, :, :, 0])

    @property
    def map50(self) -> float:
        """The mAP at IoU 0.5, 0..1; NaN without boxes."""
        return _mean(self._precision[0, :, :, 0])

    def by_class(self) -> dict[str, tuple[float, float]]:
        """Returns the average precision of each class, over the IoUs 0.50 to 0.95 and at 0.5; NaN without boxes."""
        found = self._precision
        return {label: (_mean(found[:, :, k, 0]), _mean(found[0, :, k, 0])) for k, label in enumerate(self.labels)}

    def by_iou(self) -> dict[float, float]:
        """Returns the mAP at each IoU of 0.50, 0.55 … 0.95, 0..1; NaN without boxes."""
        return {iou: _mean(self._precision[step, :, :, 0]) for step, iou in enumerate(IOUS)}

    def by_size(self) -> dict[Size, float]:
        """Returns the mAP of small, medium and large objects, 0..1; NaN without boxes of that size."""
        return {size: _mean(self._precision[:, :, :, i]) for i, size in enumerate(_SIZES, start=1)}

    def records(self) -> list[list[PhotoRecord]]:
        """Returns pycocotools' records of each class, one for each photo that shows it or in which it was found."""
        photos = len(self.truth)
        # pycocotools lists one block of photos for each class and size; the first size of a class is all sizes.
        starts = range(0, len(self.labels) * _ALL_SIZES * photos, _ALL_SIZES * photos) if photos else ()
        blocks = [self._coco.evalImgs[start : start + photos] for start in starts]
        return [[record for record in block if record] for block in blocks]

    def curves(self) -> tuple[Curve, ...]:
        """Returns the curve of each class at IoU 0.5."""
        return tuple(map(_curve, self.records() or [[]] * len(self.labels)))

    def thresholds(self, otherwise: float = _DEFAULT_THRESHOLD) -> tuple[float, ...]:
        """Returns the display threshold of each class, 0..1: the one with the best F1.

        Args:
            otherwise: the threshold of a class that was never found correctly, 0..1.
        """
        return tuple(round(curve.best_threshold(otherwise), 4) for curve in self.curves())

    def confusion(self, thresholds: Sequence[float]) -> Integers:
        """Counts the boxes of each true and each found class.

        Args:
            thresholds: the display thresholds, 0..1: one for each class, or one for all.

        Returns:
            (C + 1, C + 1) int64; rows are true classes, columns found ones. The last row is the background, in which
            false alarms were found, and the last column holds the missed boxes.
        """
        counts = np.zeros((len(self.labels) + 1,) * 2, np.int64)
        own = class_thresholds(thresholds, len(self.labels))
        for truth, found in zip(self.truth, self.found, strict=True):
            shown = shown_boxes(found, own)
            pairs = match_truth(truth.xyxy, found.xyxy[shown], found.score[shown])
            predicted = found.class_id[shown]
            for true, box in pairs:
                if not truth.ignore[true]:
                    counts[truth.class_id[true], predicted[box]] += 1
            missed = np.setdiff1d(np.flatnonzero(~truth.ignore), [true for true, _ in pairs])
            wrong = false_alarms(truth, found.xyxy[shown], [box for _, box in pairs])
            np.add.at(counts, (truth.class_id[missed], -1), 1)
            counts[-1] += np.bincount(predicted[wrong], minlength=len(counts))
        return counts

    @cached_property
    def _precision(self) -> Doubles:
        """The interpolated precision, (10 IoUs, 101 recalls, C, 4 sizes); -1 without boxes to find."""
        return np.asarray(self._coco.eval["precision"][:, :, :, :, -1])

    @cached_property
    def _coco(self) -> Library:
        from pycocotools.coco import COCO
        from pycocotools.cocoeval import COCOeval

        with redirect_stdout(StringIO()):
            truth = COCO()
            truth.dataset = self._dataset()
            truth.createIndex()
            rows = self._rows()
            result = COCOeval(truth, truth.loadRes(rows) if len(rows) else _nothing(truth), "bbox")
            result.evaluate()
            result.accumulate()
        return result

    def _dataset(self) -> dict[str, object]:
        annotations: list[dict[str, object]] = []
        for photo, truth in enumerate(self.truth):
            for box, class_id, ignore in zip(truth.xyxy, truth.class_id, truth.ignore, strict=True):
                x1, y1, x2, y2 = box.tolist()
                row = {"id": len(annotations) + 1, "image_id": photo, "category_id": int(class_id)}
                area = (x2 - x1) * (y2 - y1)
                annotations.append(row | {"bbox": [x1, y1, x2 - x1, y2 - y1], "area": area, "iscrowd": int(ignore)})
        photos = [{"id": i, "width": t.size_wh[0], "height": t.size_wh[1]} for i, t in enumerate(self.truth)]
        categories = [{"id": i, "name": label} for i, label in enumerate(self.labels)]
        return {"info": {}, "images": photos, "annotations": annotations, "categories": categories}

    def _rows(self) -> Doubles:
        """Returns the D found boxes for pycocotools, (D, 7) float64: photo, x, y, width, height, score, class."""
        tables = [
            np.column_stack(
                [np.full(len(f.score), i), f.xyxy[:, :2], f.xyxy[:, 2:] - f.xyxy[:, :2], f.score, f.class_id]
            )
            for i, f in enumerate(self.found)
        ]
        return np.concatenate(tables).astype(np.float64) if tables else np.empty((0, 7))


def _curve(records: Sequence[PhotoRecord]) -> Curve:
    true_boxes = sum(int((np.asarray(r["gtIgnore"]) == 0).sum()) for r in records)
    if not true_boxes:
        return Curve(np.empty(0), np.empty(0), np.empty(0))
    scores = np.concatenate([np.asarray(r["dtScores"], np.float64) for r in records])
    right = np.concatenate([np.asarray(r["dtMatches"])[0] > 0 for r in records])
    counted = np.concatenate([~np.asarray(r["dtIgnore"], bool)[0] for r in records])
    order = np.argsort(-scores[counted], kind="stable")
    hits = np.cumsum(right[counted][order])
    return Curve(scores[counted][order], hits / np.arange(1, len(hits) + 1), hits / true_boxes)


def _mean(precision: Doubles) -> float:
    known = precision[precision > -1]
    return float(known.mean()) if known.size else float("nan")


def _nothing(truth: Library) -> Library:
    from pycocotools.coco import COCO

    empty = COCO()
    empty.dataset = {**truth.dataset, "annotations": []}
    empty.createIndex()
    return empty
