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
from edgetl.host.report.data_curve_figure import data_curve
from edgetl.host.report.html_page import write_page
from edgetl.host.report.review_sentences import HARDLY, gain_sentence, suspects_sentence
from edgetl.host.report.training_run import TrainingRun

_MOST_SUSPECTS = 24
"""At most this many suspects are shown as pictures; suspects.csv has all."""
_MOST_CLASSES = 6
"""At most this many classes are listed with what more photos of them would bring."""


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
    values |= _review_values(review or PhotoReview(), run, top1)
    write_page(path, "report_training.html.j2", run.page_values(best) | values)


def _review_values(review: PhotoReview, run: TrainingRun, top1: float) -> dict[str, object]:
    """Returns the values of the sections on the photos: the data curve and the suspects."""
    dataset = run.card.dataset
    photos = dataset.train if dataset else 0
    root = Path(dataset.path) if dataset else Path()
    shown = review.suspects[:_MOST_SUSPECTS]
    return {
        "review": review,
        "gain_sentence": gain_sentence(review),
        "suspects_sentence": suspects_sentence(review) if review.suspects else "",
        "data_curve": data_curve(review, top1, photos) if review.measured else "",
        "class_gains": [gain for gain in review.class_gains if gain.gain >= HARDLY / 2][:_MOST_CLASSES],
        "suspects": [(suspect, root / suspect.file) for suspect in shown],
    }
