"""Writes the HTML report of a detector's training: one self-contained file that loads nothing from elsewhere."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from markupsafe import Markup

from edgetl.card import InputSpec
from edgetl.host.evaluate.box_errors import GroupErrors, box_errors
from edgetl.host.evaluate.detector_mistakes import find_mistakes
from edgetl.host.evaluate.detector_tables import DetectorRow, class_rows, size_rows
from edgetl.host.evaluate.match_truth import shown_boxes
from edgetl.host.evaluate.mean_average_precision import Curve, DetectionEvaluation
from edgetl.host.probe.photo_review import PhotoReview
from edgetl.host.report.box_error_figures import edge_boxes, iou_curve
from edgetl.host.report.confusion_figure import confusion_matrix
from edgetl.host.report.curve_figures import MOST_LINES, History, Line, class_lines, epoch_curve
from edgetl.host.report.html_page import percent, write_page
from edgetl.host.report.mistake_picture import scene
from edgetl.host.report.review_values import review_values
from edgetl.host.report.training_run import TrainingRun
from edgetl.vision.arrays import Doubles, Integers
from edgetl.vision.filter import class_thresholds

_MOST_SCENES = 12
"""At most this many missed boxes, and as many false alarms, are shown as pictures; each takes about 20 kB."""

_RECALLS = np.linspace(0, 1, 101)
"""The recalls at which precision is drawn, 0..1; they are COCO's."""

_THRESHOLDS = np.linspace(0, 1, 201)
"""The display thresholds at which F1 is drawn, 0..1."""

_BACKGROUND = "background"


def write_detection_report(
    path: Path,
    run: TrainingRun,
    evaluation: DetectionEvaluation,
    seen: DetectionEvaluation | None = None,
    review: PhotoReview | None = None,
) -> None:
    """Writes the report of a detector's training.

    Args:
        path: the HTML file.
        run: the training; the display thresholds in its card were chosen on its validation photos.
        evaluation: the evaluation of the trained model on the N validation photos of the run.
        seen: the evaluation on photos that the model was trained on, for comparison; None draws none.
        review: what the training found out about its photos; None leaves the sections on them out.

    Raises:
        EdgetlError: the file can't be written.
    """
    thresholds = run.card.detector.thresholds
    best = run.best_epoch("map")
    rows = class_rows(evaluation, thresholds)
    confusion = evaluation.confusion(thresholds)
    values: dict[str, object] = {
        "map": evaluation.map,
        "map50": evaluation.map50,
        "interval": run.ending.interval,
        "count": len(evaluation.truth),
        "boxes": sum(row.boxes for row in rows),
        "curves": _training_curves(run.history, best),
        "classes": sorted(rows, key=lambda row: (math.isnan(row.ap), row.ap, row.label)),
        "sizes": size_rows(evaluation),
        "matrix": confusion_matrix(confusion, (*evaluation.labels, _BACKGROUND)),
    }
    scenes = _scenes(evaluation, run.photos, thresholds)
    values |= _class_curves(evaluation, rows) | _exactness(evaluation, seen, run.card.input) | scenes
    values |= review_values(review or PhotoReview(), run, _recall(confusion))
    write_page(path, "report_detection.html.j2", run.page_values(best) | values)


def _recall(confusion: Integers) -> float:
    """Returns the share of the true boxes that are found with their class, 0..1.

    Args:
        confusion: the number of boxes by true and found class, (C + 1, C + 1) int64.
    """
    return float(confusion.trace() / max(1, confusion[:-1].sum()))


def _training_curves(history: History, best: int | None) -> dict[str, Markup]:
    if not history:
        return {}
    return {
        "map": epoch_curve(history, "mAP", "map", "map50", best),
        "loss": epoch_curve(history, "loss", "", "loss", None, percent=False),
    }


def _class_curves(evaluation: DetectionEvaluation, rows: Sequence[DetectorRow]) -> dict[str, object]:
    """Draws the curves of the classes that have boxes; if there are too many, those of the weakest."""
    known = [(row, curve) for row, curve in zip(rows, evaluation.curves(), strict=True) if row.boxes]
    drawn = known
    if len(known) > MOST_LINES:
        drawn = sorted(known, key=lambda pair: pair[0].ap50)[:MOST_LINES]
    counts = {"shown": len(drawn), "hidden": len(known) - len(drawn)}
    if not known:
        return counts | {"precision_recall": None, "f1": None}
    mean = np.mean([_precision(curve) for _, curve in known], axis=0)
    average = Line("mean of all", percent(evaluation.map50), _RECALLS, mean)
    precisions = [Line(row.label, percent(row.ap50), _RECALLS, _precision(curve)) for row, curve in drawn]
    balances = [
        Line(row.label, f"{row.threshold:.2f}", _THRESHOLDS, _f1(curve), (row.threshold, row.f1))
        for row, curve in drawn
    ]
    whole = average if len(known) > 1 else None
    return counts | {
        "precision_recall": class_lines(precisions, whole, "recall", "precision", "precision against recall"),
        "f1": class_lines(balances, None, "threshold", "F1", "F1 against the display threshold"),
    }


def _exactness(evaluation: DetectionEvaluation, seen: DetectionEvaluation | None, spec: InputSpec) -> dict[str, object]:
    """Returns the figures and the table of how exactly boxes are placed; without figures if no box was found."""
    errors = box_errors(evaluation.truth, evaluation.found, spec)
    counts = {"placed": len(errors.signed), "compared": seen is not None and bool(len(seen.truth))}
    if not len(errors.signed):
        return counts | {"iou_curve": None, "edge_boxes": None, "placements": []}
    trained = box_errors(seen.truth, seen.found, spec) if seen else None
    groups: list[tuple[str, GroupErrors]] = [("all", errors.all())]
    groups += [*errors.by_size().items(), *errors.by_aspect().items()]
    return counts | {
        "iou_curve": iou_curve(evaluation.by_iou(), seen.by_iou() if seen else None),
        "edge_boxes": edge_boxes(errors, trained),
        "placements": [(name, group) for name, group in groups if group.boxes],
    }


def _precision(curve: Curve) -> Doubles:
    """Returns the best precision at each recall of 0, 0.01 … 1 or more, (101,) float64, 0..1; 0 beyond the last one.

    Its mean is the average precision.
    """
    envelope = np.append(np.maximum.accumulate(curve.precision[::-1])[::-1], 0.0)
    return np.asarray(envelope[np.searchsorted(curve.recall, _RECALLS)], np.float64)


def _f1(curve: Curve) -> Doubles:
    """Returns F1 at the thresholds 0, 0.005 … 1, (201,) float64, 0..1; 0 if no box reaches a threshold."""
    count = np.searchsorted(-curve.score.astype(np.float32), -_THRESHOLDS.astype(np.float32), side="right")
    return np.asarray(np.append(0.0, curve.f1)[count], np.float64)


def _scenes(evaluation: DetectionEvaluation, photos: Sequence[Path], thresholds: Sequence[float]) -> dict[str, object]:
    """Returns the pictures and the numbers of missed boxes and false alarms."""
    found = find_mistakes(evaluation, thresholds)
    cuts = class_thresholds(thresholds, len(evaluation.labels))
    return {
        "missed": len(found.misses),
        "alarmed": len(found.alarms),
        "drawn": sum(len(shown_boxes(f, cuts)) for f in evaluation.found),
        "misses": [scene(m, "true", evaluation, photos[m.photo], cuts) for m in found.misses[:_MOST_SCENES]],
        "alarms": [scene(m, "found", evaluation, photos[m.photo], cuts) for m in found.alarms[:_MOST_SCENES]],
    }
