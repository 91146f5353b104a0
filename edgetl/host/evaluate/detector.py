"""Evaluates detectors on photos with boxes: stored models in Keras, other models through the device's code."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from edgetl import store
from edgetl.card import InputSpec
from edgetl.device.inference.model import Model
from edgetl.host.console import track
from edgetl.host.dataset.boxes.load import BoxedPhotos, boxes_of
from edgetl.host.dataset.boxes.truth import Found
from edgetl.host.dataset.cache import load_pixels
from edgetl.host.evaluate.box_errors import BoxErrors, box_errors
from edgetl.host.evaluate.class_row import format_share, json_share
from edgetl.host.evaluate.detector_photos import Side, find_photos, photos_with_truth, truths
from edgetl.host.evaluate.detector_tables import DetectorRow, class_rows, size_rows
from edgetl.host.evaluate.mean_average_precision import DetectionEvaluation
from edgetl.host.evaluate.predict_boxes import LEAST_SCORE, measure
from edgetl.host.html_table import html_table
from edgetl.host.networks.stored import load_keras
from edgetl.text import counted
from edgetl.vision.filter import ResultFilter
from edgetl.vision.photo import read_sized
from edgetl.vision.results import Detections

_MOST_ROWS = 50
"""At most this many classes get a line in the text for people; the JSON has all."""


@dataclass(frozen=True, slots=True)
class DetectorResult:
    """A detector's figures, and the photos that they were measured on.

    Attributes:
        figures: the figures.
        thresholds: the model's display thresholds, 0..1: one for each class, or one for all.
        side: the part of the data set that the photos are from.
        input: the model's input, in whose px the errors of edges are measured.
    """

    figures: DetectionEvaluation
    thresholds: tuple[float, ...]
    side: Side
    input: InputSpec

    def box_errors(self) -> BoxErrors:
        """Returns how far the edges of the found boxes are from the true ones."""
        return box_errors(self.figures.truth, self.figures.found, self.input)

    def class_rows(self) -> list[DetectorRow]:
        """Returns a row for each class that has boxes, in the order of the labels."""
        return [row for row in class_rows(self.figures, self.thresholds) if row.boxes]

    def to_dict(self) -> dict[str, object]:
        """Returns the figures as JSON-ready values, with the classes that have boxes."""
        figures, rows = self.figures, self.class_rows()
        classes = {
            row.label: {
                "boxes": row.boxes,
                "ap": json_share(row.ap),
                "ap50": json_share(row.ap50),
                "threshold": row.threshold,
                "precision": json_share(row.precision),
                "recall": json_share(row.recall),
            }
            for row in rows
        }
        return {
            "side": self.side,
            "photos": len(figures.truth),
            "boxes": sum(row.boxes for row in rows),
            "map": json_share(figures.map),
            "map50": json_share(figures.map50),
            "classes": classes,
            "sizes": {row.size: {"boxes": row.boxes, "map": json_share(row.map)} for row in size_rows(figures)},
            "ap_by_iou": {f"{iou:.2f}": json_share(ap) for iou, ap in figures.by_iou().items()},
            "edge_errors_px": self.box_errors().to_dict(),
        }

    def to_text(self) -> str:
        """Returns the figures as a table for people."""
        rows = self.class_rows()
        lines = [self._headline()]
        if len(rows) <= _MOST_ROWS:
            width = max((len(row.label) for row in rows), default=0)
            lines += [
                f"  {row.label:<{width}}  {row.boxes:>5} {'box  ' if row.boxes == 1 else 'boxes'}"
                f"  AP {row.ap:.3f}  AP50 {row.ap50:.3f}"
                f"  at {row.threshold:.2f}: precision {format_share(row.precision)}  recall {row.recall:.3f}"
                for row in rows
            ]
        sizes = ", ".join(f"{row.size} {format_share(row.map)} ({row.boxes})" for row in size_rows(self.figures))
        return "\n".join([*lines, f"mAP50-95 by size (boxes): {sizes}", *self._exactness()])

    def _exactness(self) -> list[str]:
        """Returns two lines about how exactly boxes are placed."""
        precisions = "  ".join(f"{iou:.2f} {format_share(ap)}" for iou, ap in self.figures.by_iou().items())
        return [f"mAP by IoU: {precisions}", self.box_errors().to_text()]

    def _headline(self) -> str:
        figures, boxes = self.figures, sum(row.boxes for row in self.class_rows())
        noun = "photo" if self.side == "all" else f"{self.side} photo"
        photos = f"{counted(len(figures.truth), noun)}, {counted(boxes, 'box', 'boxes')}"
        return f"mAP50-95 {figures.map:.4f}, mAP50 {figures.map50:.4f} on {photos}"

    def __str__(self) -> str:
        return self.to_text()

    def _repr_html_(self) -> str:
        rows = [
            [row.label, row.boxes, *map(format_share, (row.ap, row.ap50, row.precision, row.recall, row.f1))]
            for row in self.class_rows()
        ]
        columns = ["class", "boxes", "AP50-95", "AP50", "precision", "recall", "F1"]
        return html_table(self._headline(), columns, rows, self._exactness())


def evaluate_stored(stored: store.StoredModel, data: Path | None) -> DetectorResult:
    """Evaluates a stored detector in Keras; see `edgetl.host.evaluate.job.evaluate`."""
    card = stored.card
    side, photos = find_photos(card, data, card.labels)
    if not isinstance(photos, BoxedPhotos):
        # A separate entry of the cache, so that the pixels of a training on the same folder are not replaced.
        root = Path(data or "") / "measured"
        pixels = load_pixels(root, [photo.path for photo in photos], card.input)[1]
        boxes = tuple(boxes_of(photo, card.labels, card.input) for photo in photos)
        truth, paths = truths(card.labels, photos)
        photos = BoxedPhotos(pixels, np.arange(len(photos)), paths, boxes, truth)
    return DetectorResult(measure(load_keras(stored), photos, card), card.detector.thresholds, side, card.input)


def evaluate_opened(model: Model, data: Path | None) -> DetectorResult:
    """Evaluates an opened detector through the device's code; see `edgetl.host.evaluate.job.evaluate`."""
    card = model.card
    side, paths, truth = photos_with_truth(card, data, card.labels)
    figures = DetectionEvaluation(card.labels, truth, find_on_device(model, paths))
    return DetectorResult(figures, card.detector.thresholds, side, card.input)


def find_on_device(model: Model, photos: Sequence[Path]) -> list[Found]:
    """Runs a detector on photo files through the device's own code.

    Args:
        model: an opened detector; its result filter is restored at the end.
        photos: N photo files.

    Returns:
        The boxes of each of the N photos with a score of at least `LEAST_SCORE`, in px of the photo.

    Raises:
        ModelError: the model is not a detector.
        PhotoError: a photo can't be read.
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
