"""Prepares the sections of a report on what a training found out about its photos."""

from __future__ import annotations

from pathlib import Path

from edgetl.host.probe.photo_review import PhotoReview
from edgetl.host.report.data_curve_figure import data_curve
from edgetl.host.report.mistake_picture import Scene, suspect_scene
from edgetl.host.report.review_sentences import HARDLY, gain_sentence, suspects_sentence
from edgetl.host.report.training_run import TrainingRun

_MOST_SUSPECTS = 24
"""At most this many suspects are shown as pictures; suspects.csv has all."""
_MOST_CLASSES = 6
"""At most this many classes are listed with what more photos of them would bring."""


def review_values(review: PhotoReview, run: TrainingRun, figure: float) -> dict[str, object]:
    """Returns the values of the template's sections on the photos: the data curve and the suspects.

    Args:
        review: the review of the photos.
        run: the training.
        figure: what the data curve shows of the trained network, 0..1: its top-1, or the share of the boxes it finds.
    """
    dataset = run.card.dataset
    root = Path(dataset.path) if dataset else Path()
    suspects: list[tuple[object, Path, Scene | None]] = []
    for suspect in review.suspects[:_MOST_SUSPECTS]:
        photo = root / suspect.file
        suspects.append((suspect, photo, suspect_scene(suspect, photo) if suspect.box else None))
    return {
        "review": review,
        "gain_sentence": gain_sentence(review),
        "suspects_sentence": suspects_sentence(review) if review.suspects else "",
        "data_curve": data_curve(review, figure) if review.measured else "",
        "class_gains": [gain for gain in review.class_gains if gain.gain >= HARDLY / 2][:_MOST_CLASSES],
        "suspects": suspects,
    }
