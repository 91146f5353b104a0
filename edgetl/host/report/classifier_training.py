"""Writes the HTML report of a classifier's training: one self-contained file that loads nothing from elsewhere."""

from __future__ import annotations

import math
from pathlib import Path

from edgetl.host.evaluate.classifier_tables import (
    confidence_interval,
    mix_ups,
    threshold_rows,
    weakest_classes,
    worst_mistakes,
)
from edgetl.host.evaluate.confused_pairs import confused_pairs
from edgetl.host.evaluate.top1 import Evaluation
from edgetl.host.probe.photo_review import PhotoReview
from edgetl.host.report.confusion_figure import confusion_matrix
from edgetl.host.report.curve_figures import epoch_curve
from edgetl.host.report.html_page import write_page
from edgetl.host.report.review_values import review_values
from edgetl.host.report.training_run import TrainingRun


def write_training_report(
    path: Path, run: TrainingRun, evaluation: Evaluation, review: PhotoReview | None = None
) -> None:
    """Writes the report of a classifier's training.

    Args:
        path: the HTML file.
        run: the training.
        evaluation: the evaluation of the trained model on the N validation photos of the run.
        review: what the training found out about its photos; None leaves the sections on them out.

    Raises:
        EdgetlError: the file can't be written.
    """
    count = len(evaluation.truth)
    best = run.best_epoch("val_accuracy")
    top1 = evaluation.top1 if count else math.nan
    values = {
        "top1": top1,
        "interval": confidence_interval(top1, count),
        "count": count,
        "wrong": int((evaluation.predicted != evaluation.truth).sum()),
        "curves": [
            (measure, epoch_curve(run.history, measure, f"val_{measure}", measure, best, percent=percent))
            for measure, percent in (("accuracy", True), ("loss", False))
            if run.history
        ],
        "matrix": confusion_matrix(evaluation.confusion, evaluation.labels),
        "mix_ups": mix_ups(evaluation),
        "classes": weakest_classes(evaluation),
        "thresholds": threshold_rows(evaluation),
        "mistakes": worst_mistakes(evaluation, run.photos),
        "pairs": confused_pairs(evaluation, run.photos),
    }
    values |= review_values(review or PhotoReview(), run, top1)
    write_page(path, "report_training.html.j2", run.page_values(best) | values)
