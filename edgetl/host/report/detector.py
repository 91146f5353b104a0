"""The HTML report of a detector's training: one self-contained file."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from markupsafe import Markup

from edgetl.card import ModelCard
from edgetl.host.evaluate.box_metrics import Curve, DetectionEvaluation
from edgetl.host.evaluate.box_mistakes import mistakes, shown
from edgetl.host.evaluate.box_tables import ClassRow, class_rows, size_rows
from edgetl.host.report import figures
from edgetl.host.report.classifier import Ending
from edgetl.host.report.mistake_picture import scene
from edgetl.host.report.page import percent, write_page
from edgetl.vision.filter import class_thresholds

_MOST_SCENES = 12
_RECALLS = np.linspace(0, 1, 101)
_THRESHOLDS = np.linspace(0, 1, 201)
_BACKGROUND = "background"


def write_detection_report(
    path: Path,
    card: ModelCard,
    history: figures.History,
    evaluation: DetectionEvaluation,
    photos: Sequence[Path],
    data_summary: Mapping[str, object],
    settings: Mapping[str, object],
    ending: Ending | None = None,
) -> None:
    """Writes the report of a detector's training.

    Args:
        path: the HTML file.
        card: of the trained model; its display thresholds were chosen on these photos.
        history: a row for each epoch: stage, epoch, loss, map, map50, learning_rate, seconds; the loss is that of
            training, map and map50 are of the validation photos.
        evaluation: of the N validation photos.
        photos: the N photos' files, in the evaluation's order; those that are gone show a placeholder.
        data_summary: what was found in the data set; mappings and sequences may be nested.
        settings: every option, resolved.
        ending: how the training ended; None marks the epoch with the highest mAP.

    Raises:
        EdgetlError: the file can't be written.
    """
    thresholds = card.detector.thresholds
    ending = ending or Ending()
    best = ending.kept if ending.kept >= 0 else figures.best_epoch(history, "map")
    rows = class_rows(evaluation, thresholds)
    confusion = evaluation.confusion(thresholds)
    values = {
        "card": card,
        "map": evaluation.map,
        "map50": evaluation.map50,
        "count": len(evaluation.truth),
        "boxes": sum(row.boxes for row in rows),
        "seconds": sum(float(row.get("seconds", 0)) for row in history),
        "history": history,
        "best": best,
        "curves": _training_curves(history, best),
        "classes": sorted(rows, key=lambda row: (math.isnan(row.ap), row.ap, row.label)),
        "sizes": size_rows(evaluation),
        "matrix": figures.confusion_matrix(confusion, (*evaluation.labels, _BACKGROUND)),
        "data_summary": data_summary,
        "settings": settings,
        "advice": ending.advice,
        "interval": ending.interval,
    }
    curves = _class_curves(evaluation, rows)
    write_page(path, "report_detection.html.j2", values | curves | _scenes(evaluation, photos, thresholds))


def _training_curves(history: figures.History, best: int | None) -> dict[str, Markup]:
    if not history:
        return {}
    return {
        "map": figures.curve(history, "mAP", "map", "map50", best),
        "loss": figures.curve(history, "loss", "", "loss", None),
    }


def _class_curves(evaluation: DetectionEvaluation, rows: Sequence[ClassRow]) -> dict[str, object]:
    """Draws the classes that the photos have: all, or the weakest where they are many."""
    known = [(row, curve) for row, curve in zip(rows, evaluation.curves(), strict=True) if row.boxes]
    drawn = known
    if len(known) > figures.MOST_LINES:
        drawn = sorted(known, key=lambda pair: pair[0].ap50)[: figures.MOST_LINES]
    counts = {"shown": len(drawn), "hidden": len(known) - len(drawn)}
    if not known:
        return counts | {"precision_recall": None, "f1": None}
    mean = np.mean([_precision(curve) for _, curve in known], axis=0)
    average = figures.Line("mean of all", percent(evaluation.map50), _RECALLS, mean)
    precisions = [figures.Line(row.label, percent(row.ap50), _RECALLS, _precision(curve)) for row, curve in drawn]
    balances = [
        figures.Line(row.label, f"{row.threshold:.2f}", _THRESHOLDS, _f1(curve), (row.threshold, row.f1))
        for row, curve in drawn
    ]
    whole = average if len(known) > 1 else None
    return counts | {
        "precision_recall": figures.lines(precisions, whole, "recall", "precision", "precision against recall"),
        "f1": figures.lines(balances, None, "threshold", "F1", "F1 against the display threshold"),
    }


def _precision(curve: Curve) -> figures.Floats:
    """(101,) the best precision at a recall of 0, 0.01 … 1 or more, whose mean is the average precision; 0 beyond."""
    envelope = np.append(np.maximum.accumulate(curve.precision[::-1])[::-1], 0.0)
    return np.asarray(envelope[np.searchsorted(curve.recall, _RECALLS)], np.float64)


def _f1(curve: Curve) -> figures.Floats:
    """(201,) F1 at the thresholds 0, 0.005 … 1; 0 where nothing reaches one."""
    count = np.searchsorted(-curve.score.astype(np.float32), -_THRESHOLDS.astype(np.float32), side="right")
    return np.asarray(np.append(0.0, curve.f1)[count], np.float64)


def _scenes(evaluation: DetectionEvaluation, photos: Sequence[Path], thresholds: Sequence[float]) -> dict[str, object]:
    found = mistakes(evaluation, thresholds)
    own = class_thresholds(thresholds, len(evaluation.labels))
    return {
        "missed": len(found.misses),
        "alarmed": len(found.alarms),
        "drawn": sum(len(shown(found, own)) for found in evaluation.found),
        "misses": [scene(m, "true", evaluation, photos[m.photo], own) for m in found.misses[:_MOST_SCENES]],
        "alarms": [scene(m, "found", evaluation, photos[m.photo], own) for m in found.alarms[:_MOST_SCENES]],
    }
