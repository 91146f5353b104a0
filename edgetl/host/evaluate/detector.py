"""How right a detector is on photos with boxes: a model of the store in Keras, others through the device's code."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from edgetl import store
from edgetl.card import ModelCard
from edgetl.device.inference.model import Model
from edgetl.errors import DatasetError
from edgetl.host.console import track
from edgetl.host.dataset.boxes import BoxedPhoto, is_boxed, read_boxed
from edgetl.host.dataset.boxes.load import BoxedPhotos, boxes_of, truth_of
from edgetl.host.dataset.boxes.mend import mend
from edgetl.host.dataset.boxes.truth import Found, Truth
from edgetl.host.dataset.cache import load_pixels
from edgetl.host.dataset.photos import inspect
from edgetl.host.evaluate.box_metrics import DetectionEvaluation
from edgetl.host.evaluate.box_tables import ClassRow, class_rows, size_rows
from edgetl.host.evaluate.predict_boxes import LEAST_SCORE, measure
from edgetl.host.networks.stored import boxed_dataset_of, load_keras, warn_of_learnt_photos
from edgetl.vision.filter import ResultFilter
from edgetl.vision.photo import read_sized
from edgetl.vision.results import Detections

_MOST_ROWS = 50


@dataclass(frozen=True, slots=True)
class DetectorResult:
    """A detector's figures, and what they were measured on.

    Attributes:
        figures: of the photos.
        thresholds: the model's display thresholds, one a class or one for all.
        side: the photos' side of the data set: test, validation, or empty for all of them.
    """

    figures: DetectionEvaluation
    thresholds: tuple[float, ...]
    side: str


def evaluate_stored(stored: store.StoredModel, data: Path | None) -> DetectorResult:
    """Measures a detector of the store in Keras; see `edgetl.host.evaluate.evaluate`."""
    card = stored.card
    side, photos = _photos(card, data)
    if not isinstance(photos, BoxedPhotos):
        # Under a name of its own in the cache, so that the pixels of a training on the same folder stay.
        root = Path(data or "") / "measured"
        pixels = load_pixels(root, [photo.path for photo in photos], card.input)[1]
        boxes = tuple(boxes_of(photo, card.labels, card.input) for photo in photos)
        photos = BoxedPhotos(pixels, np.arange(len(photos)), boxes, *_truths(card, photos))
    return DetectorResult(measure(load_keras(stored), photos, card), card.detector.thresholds, side)


def evaluate_opened(model: Model, data: Path | None) -> DetectorResult:
    """Measures an opened detector through the device's code; see `edgetl.host.evaluate.evaluate`."""
    card = model.card
    side, photos = _photos(card, data)
    truth, paths = (photos.truth, photos.paths) if isinstance(photos, BoxedPhotos) else _truths(card, photos)
    figures = DetectionEvaluation(card.labels, truth, find_on_device(model, paths))
    return DetectorResult(figures, card.detector.thresholds, side)


def find_on_device(model: Model, photos: Sequence[Path]) -> list[Found]:
    """Runs photo files through the device's own code, and keeps whatever matters to mAP.

    Args:
        model: an opened detector; which of its results are wanted is as before in the end.
        photos: N photo files.

    Raises:
        ModelError: the model is no detector.
        PhotoError: a photo can't be opened.
    """
    _ = model.card.detector  # a classifier's card refuses
    only = model.only
    model.only = ResultFilter(threshold=LEAST_SCORE)
    found = []
    try:
        for path in track(photos, "Evaluating", len(photos)):
            result = model(*read_sized(path, model.card.input))
            assert isinstance(result, Detections)  # as the card says
            found.append(Found(result.xyxy, result.score, result.class_id))
    finally:
        model.only = only
    return found


def _photos(card: ModelCard, data: Path | None) -> tuple[str, BoxedPhotos | list[BoxedPhoto]]:
    """The photos to measure on and their side; without pixels where they aren't those the model was trained with."""
    if data is None:
        return "validation", boxed_dataset_of(card).val
    if data.is_dir() and not is_boxed(data):
        what = f"no boxes are annotated here, but {card.name} is a detector"
        raise DatasetError(what, where=str(data), remedy="give photos with Pascal VOC, COCO, YOLO or CSV annotations")
    photos = read_boxed(data).photos
    parts = {photo.part for photo in photos}
    held = None if parts & {"test", "val"} else _held_back(card, data, len(photos))
    if held:
        return "validation", held
    part = next((part for part in ("test", "val") if part in parts), None)
    side = {"test": "test", "val": "validation", None: ""}[part]
    return side, _clean(card, data, [photo for photo in photos if part in (None, photo.part)])


def _held_back(card: ModelCard, data: Path, count: int) -> BoxedPhotos | None:
    """The validation split of the `count` photos that the model was trained on; None where `data` is not those.

    All of them would measure how well the training was learnt by heart.
    """
    # What can't be the same photos is told by their number alone: decoding takes long.
    if card.dataset is None or count < card.dataset.train + card.dataset.val:
        return None
    try:
        return boxed_dataset_of(card, str(data)).val
    except DatasetError:
        warn_of_learnt_photos(card)
        return None


def _clean(card: ModelCard, data: Path, photos: Sequence[BoxedPhoto]) -> list[BoxedPhoto]:
    """The photos that open, with clean boxes of classes that the model knows."""
    clean = mend(data, photos, inspect(data, [photo.path for photo in photos])).photos
    there = {box.label for photo in clean for box in photo.boxes if not box.ignored}
    if not there:
        what = f"none of the {len(photos)} photos to measure on opens and has a box"
        raise DatasetError(what, where=str(data), remedy="look with `edgetl data check`")
    unknown = sorted(there - set(card.labels))
    if unknown:
        what = f"the model doesn't know the classes {', '.join(unknown[:5])}"
        remedy = f"name the classes as its labels: {', '.join(card.labels[:5])} …"
        raise DatasetError(what, where=str(data), remedy=remedy)
    return clean


def _truths(card: ModelCard, photos: Sequence[BoxedPhoto]) -> tuple[tuple[Truth, ...], tuple[Path, ...]]:
    return tuple(truth_of(photo, card.labels) for photo in photos), tuple(photo.path for photo in photos)


def describe(result: DetectorResult, *, as_json: bool = False) -> str:
    """Returns the figures as a table for people, or as JSON."""
    rows = [row for row in class_rows(result.figures, result.thresholds) if row.boxes]
    return _json(result, rows) if as_json else "\n".join(_lines(result, rows))


def _lines(result: DetectorResult, rows: Sequence[ClassRow]) -> list[str]:
    figures, count = result.figures, sum(row.boxes for row in rows)
    photos = " ".join(filter(None, (str(len(figures.truth)), result.side, "photos")))
    lines = [f"mAP50-95 {figures.map:.4f}, mAP50 {figures.map50:.4f} on {photos}, {count} boxes"]
    if len(rows) <= _MOST_ROWS:
        width = max((len(row.label) for row in rows), default=0)
        lines += [
            f"  {row.label:<{width}}  {row.boxes:>5} boxes  AP {row.ap:.3f}  AP50 {row.ap50:.3f}"
            f"  at {row.threshold:.2f}: precision {known(row.precision)}  recall {row.recall:.3f}"
            for row in rows
        ]
    sizes = ", ".join(f"{row.size} {known(row.map)} ({row.boxes})" for row in size_rows(figures))
    return [*lines, f"mAP50-95 by size (boxes): {sizes}"]


def known(value: float) -> str:
    """Returns a share, 0..1, with three digits, or a dash for a NaN."""
    return "–" if math.isnan(value) else f"{value:.3f}"


def _json(result: DetectorResult, rows: Sequence[ClassRow]) -> str:
    figures = result.figures
    classes = {
        row.label: {
            "boxes": row.boxes,
            "ap": _rounded(row.ap),
            "ap50": _rounded(row.ap50),
            "threshold": row.threshold,
            "precision": _rounded(row.precision),
            "recall": _rounded(row.recall),
        }
        for row in rows
    }
    told = {
        "side": result.side or "all",
        "photos": len(figures.truth),
        "boxes": sum(row.boxes for row in rows),
        "map": _rounded(figures.map),
        "map50": _rounded(figures.map50),
        "classes": classes,
        "sizes": {row.size: {"boxes": row.boxes, "map": _rounded(row.map)} for row in size_rows(figures)},
    }
    return json.dumps(told, indent=2)


def _rounded(value: float) -> float | None:
    return None if math.isnan(value) else round(value, 4)
