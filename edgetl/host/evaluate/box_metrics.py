"""How right a detector is: COCO's mAP by pycocotools, F1 against the threshold, confusion with the background.

The definitions are COCO's, https://cocodataset.org/#detection-eval: mAP averages over the IoUs 0.50, 0.55 … 0.95.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import redirect_stdout
from dataclasses import dataclass
from functools import cached_property
from io import StringIO
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgetl.host.dataset.boxes.truth import Found, Truth
from edgetl.host.networks.untyped import Library
from edgetl.vision.filter import class_thresholds, reaches
from edgetl.vision.match_boxes import iou

Floats = NDArray[np.float64]

_SIZES = ("all", "small", "medium", "large")
"""COCO's: small is below 32 x 32 px, large from 96 x 96 px."""
_MATCH_IOU = 0.5


@dataclass(frozen=True, slots=True)
class Curve:
    """A class at IoU 0.5, as the threshold falls.

    Attributes:
        score: (D,) falling.
        precision: (D,) of everything from that score up.
        recall: (D,)
    """

    score: Floats
    precision: Floats
    recall: Floats

    @property
    def f1(self) -> Floats:
        """(D,) harmonic means of precision and recall."""
        return 2 * self.precision * self.recall / np.maximum(self.precision + self.recall, 1e-9)

    def best_threshold(self, otherwise: float) -> float:
        """Returns the score of the best F1, a little below it so that it passes itself; `otherwise` without any."""
        if not len(self.score) or not self.recall[-1]:
            return otherwise
        best = int(self.f1.argmax())
        # Halfway to the next lower score: the figure is then not that of one lucky box.
        below = self.score[best + 1] if best + 1 < len(self.score) else 0.0
        return float((self.score[best] + below) / 2)


class DetectionEvaluation:
    """A detector's figures on photos with true boxes.

    Args:
        labels: the C classes' names.
        truth: of each photo.
        found: in each photo.
    """

    def __init__(self, labels: Sequence[str], truth: Sequence[Truth], found: Sequence[Found]) -> None:
        self.labels, self.truth, self.found = tuple(labels), tuple(truth), tuple(found)

    @property
    def map(self) -> float:
        """MAP over IoU 0.50 to 0.95, 0..1."""
        return _mean(self._precision[:, :, :, 0])

    @property
    def map50(self) -> float:
        """MAP at IoU 0.5, 0..1."""
        return _mean(self._precision[0, :, :, 0])

    def by_class(self) -> dict[str, tuple[float, float]]:
        """Returns each class's (mAP, mAP50); NaN where the photos have none of it."""
        found = self._precision
        return {label: (_mean(found[:, :, k, 0]), _mean(found[0, :, k, 0])) for k, label in enumerate(self.labels)}

    def by_size(self) -> dict[str, float]:
        """Returns the mAP of small, medium and large objects; NaN where there are none."""
        return {name: _mean(self._precision[:, :, :, i]) for i, name in enumerate(_SIZES) if i}

    def records(self) -> list[list[dict[str, Any]]]:
        """Returns pycocotools' records of each class, one for each photo that has it or in which it was found."""
        photos = len(self.truth)
        # One block of photos for each class, and within a class for each size.
        starts = range(0, len(self.labels) * len(_SIZES) * photos, len(_SIZES) * photos) if photos else ()
        blocks = [self._coco.evalImgs[start : start + photos] for start in starts]
        return [[record for record in block if record] for block in blocks]

    def curves(self) -> tuple[Curve, ...]:
        """Returns each class's curve at IoU 0.5."""
        return tuple(map(_curve, self.records() or [[]] * len(self.labels)))

    def thresholds(self, otherwise: float = 0.25) -> tuple[float, ...]:
        """Returns the display threshold of each class: where its F1 is best."""
        return tuple(round(curve.best_threshold(otherwise), 4) for curve in self.curves())

    def confusion(self, thresholds: Sequence[float]) -> NDArray[np.int64]:
        """Counts boxes, (C + 1, C + 1): rows are the truth, columns what was said; the last of either is background."""
        counts = np.zeros((len(self.labels) + 1,) * 2, np.int64)
        own = class_thresholds(thresholds, len(self.labels))
        for truth, found in zip(self.truth, self.found, strict=True):
            shown = reaches(found.score, found.class_id, own)
            pairs = match(truth.xyxy, found.xyxy[shown], found.score[shown], _MATCH_IOU)
            said = found.class_id[shown]
            for true, box in pairs:
                if not truth.ignore[true]:
                    counts[truth.class_id[true], said[box]] += 1
            missed = np.setdiff1d(np.flatnonzero(~truth.ignore), [true for true, _ in pairs])
            wrong = alarms(truth, found.xyxy[shown], [box for _, box in pairs])
            np.add.at(counts, (truth.class_id[missed], -1), 1)
            counts[-1] += np.bincount(said[wrong], minlength=len(counts))
        return counts

    @cached_property
    def _precision(self) -> Floats:
        """(10 IoUs, 101 recalls, C, 4 sizes) interpolated precision; -1 where there is nothing to find."""
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

    def _rows(self) -> Floats:
        """(D, 7): photo, x, y, width, height, score, class."""
        tables = [
            np.column_stack(
                [np.full(len(f.score), i), f.xyxy[:, :2], f.xyxy[:, 2:] - f.xyxy[:, :2], f.score, f.class_id]
            )
            for i, f in enumerate(self.found)
        ]
        return np.concatenate(tables).astype(np.float64) if tables else np.empty((0, 7))


def _curve(records: Sequence[dict[str, Any]]) -> Curve:
    wanted = sum(int((np.asarray(r["gtIgnore"]) == 0).sum()) for r in records)
    if not wanted:
        return Curve(np.empty(0), np.empty(0), np.empty(0))
    scores = np.concatenate([r["dtScores"] for r in records] or [np.empty(0)])
    right = np.concatenate([np.asarray(r["dtMatches"])[0] > 0 for r in records])
    counted = np.concatenate([~np.asarray(r["dtIgnore"], bool)[0] for r in records])
    order = np.argsort(-scores[counted], kind="stable")
    hits = np.cumsum(right[counted][order])
    return Curve(scores[counted][order], hits / np.arange(1, len(hits) + 1), hits / wanted)


def match(
    truth: NDArray[np.float32], boxes: NDArray[np.float32], score: NDArray[np.float32], least_iou: float
) -> list[tuple[int, int]]:
    """Pairs true boxes with found ones whatever their class, the best score choosing first.

    Args:
        truth: (K, 4) xyxy.
        boxes: (N, 4) xyxy.
        score: (N,)
        least_iou: of a pair.

    Returns:
        (true, found) positions.
    """
    if not len(truth) or not len(boxes):
        return []
    overlap = iou(truth, boxes)
    pairs = []
    for box in np.argsort(-score, kind="stable").tolist():
        true = int(overlap[:, box].argmax())
        if overlap[true, box] >= least_iou:
            pairs.append((true, box))
            overlap[true] = -1
    return pairs


def alarms(truth: Truth, boxes: NDArray[np.float32], paired: Sequence[int]) -> NDArray[np.int64]:
    """Returns the positions of found boxes that should not be there: without a partner, and not part of a crowd.

    Args:
        truth: of the photo.
        boxes: (N, 4) xyxy.
        paired: positions of those with a partner.
    """
    crowds = truth.xyxy[truth.ignore]
    inner = np.minimum(boxes[:, None, 2:], crowds[None, :, 2:]) - np.maximum(boxes[:, None, :2], crowds[None, :, :2])
    areas = (boxes[:, 2:] - boxes[:, :2]).prod(axis=1)
    within = (inner.clip(0).prod(axis=2) >= _MATCH_IOU * areas[:, None]).any(axis=1)
    return np.setdiff1d(np.flatnonzero(~within), np.asarray(paired, np.int64))


def _mean(precision: Floats) -> float:
    known = precision[precision > -1]
    return float(known.mean()) if known.size else float("nan")


def _nothing(truth: Library) -> Library:
    from pycocotools.coco import COCO

    empty = COCO()
    empty.dataset = {**truth.dataset, "annotations": []}
    empty.createIndex()
    return empty
