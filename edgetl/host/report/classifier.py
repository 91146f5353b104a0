"""The HTML reports of a training and of a conversion: one self-contained file each, nothing loaded from elsewhere."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from edgetl.bundle import Manifest
from edgetl.card import ModelCard
from edgetl.host.evaluate.classifier import Evaluation
from edgetl.host.report import figures
from edgetl.host.report.page import filesize, milliseconds, percent, thumbnail, write_page

_THRESHOLDS = (0.0, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99)


@dataclass(frozen=True, slots=True)
class Mistake:
    """A photo that was recognised as something else.

    Attributes:
        photo: its file.
        truth: the label it has.
        predicted: the label it was given.
        score: of the wrong label, 0..1.
    """

    photo: Path
    truth: str
    predicted: str
    score: float

    @property
    def thumbnail(self) -> str:
        """The photo as a small JPEG in a data URI; empty if it can't be read any more."""
        return thumbnail(self.photo)


@dataclass(frozen=True, slots=True)
class ClassRow:
    """How well one class is recognised; NaN where nothing was there to measure.

    Attributes:
        label: the class's name.
        support: its validation photos.
        precision: share of right ones among what was called so, 0..1.
        recall: share of its photos that were found, 0..1.
        f1: harmonic mean of both, 0..1.
    """

    label: str
    support: int
    precision: float
    recall: float
    f1: float


@dataclass(frozen=True, slots=True)
class MixUp:
    """Photos of one class that were taken for another.

    Attributes:
        truth: what they show.
        predicted: what was said.
        count: photos.
        share: of all photos of that class, 0..1.
    """

    truth: str
    predicted: str
    count: int
    share: float


@dataclass(frozen=True, slots=True)
class ThresholdRow:
    """What a display threshold does.

    Attributes:
        threshold: of the best score, 0..1.
        answered: share of photos whose best score reaches it, 0..1.
        right: share of right ones among those, 0..1; NaN where none is answered.
    """

    threshold: float
    answered: float
    right: float


def worst_mistakes(evaluation: Evaluation, photos: Sequence[Path], most: int = 24) -> list[Mistake]:
    """Returns the photos that were recognised wrongly, the most confident first.

    Args:
        evaluation: of N photos.
        photos: the N photos' files, in the evaluation's order.
        most: how many to return at most.
    """
    said, labels = evaluation.predicted, evaluation.labels
    wrong = np.flatnonzero(said != evaluation.truth)
    scores = evaluation.scores[wrong, said[wrong]]
    return [
        Mistake(photos[n], labels[evaluation.truth[n]], labels[said[n]], float(evaluation.scores[n, said[n]]))
        for n in wrong[np.argsort(-scores, kind="stable")][:most]
    ]


def class_rows(evaluation: Evaluation) -> list[ClassRow]:
    """Returns a row for each class, the worst F1 first and those without photos last."""
    confusion = evaluation.confusion
    support, called = confusion.sum(axis=1), confusion.sum(axis=0)
    f1 = np.full(len(evaluation.labels), np.nan)
    np.divide(2 * confusion.diagonal(), support + called, out=f1, where=support + called > 0)
    columns = zip(evaluation.labels, support, evaluation.precision, evaluation.recall, f1, strict=True)
    rows = [ClassRow(label, int(n), float(p), float(r), float(f)) for label, n, p, r, f in columns]
    return sorted(rows, key=lambda row: (math.isnan(row.f1), row.f1, row.label))


def mix_ups(evaluation: Evaluation, most: int = 10) -> list[MixUp]:
    """Returns the pairs of classes that were mixed up in the most photos."""
    confusion, labels = evaluation.confusion, evaluation.labels
    support = confusion.sum(axis=1)
    wrong = confusion - np.diag(confusion.diagonal())
    order = np.argsort(-wrong, axis=None, kind="stable")[: min(most, np.count_nonzero(wrong))]
    pairs = zip(*np.unravel_index(order, wrong.shape), strict=True)
    return [MixUp(labels[t], labels[p], int(wrong[t, p]), float(wrong[t, p] / support[t])) for t, p in pairs]


def threshold_rows(evaluation: Evaluation) -> list[ThresholdRow]:
    """Returns how many photos are answered, and rightly, at display thresholds from 0 to 0.99."""
    if not len(evaluation.truth):
        return []
    best, right = evaluation.scores.max(axis=1), evaluation.predicted == evaluation.truth
    answered = [(threshold, best >= threshold) for threshold in _THRESHOLDS]
    return [ThresholdRow(t, float(a.mean()), float(right[a].mean()) if a.any() else math.nan) for t, a in answered]


def confidence_interval(share: float, count: int) -> tuple[float, float]:
    """Returns the 95 % confidence interval of a share measured on `count` photos (Wilson 1927); NaN for none."""
    if not count:
        return math.nan, math.nan
    z = 1.96
    middle = share + z * z / (2 * count)
    half = z * math.sqrt(share * (1 - share) / count + z * z / (4 * count * count))
    return (middle - half) / (1 + z * z / count), (middle + half) / (1 + z * z / count)


@dataclass(frozen=True, slots=True)
class Ending:
    """How a training ended.

    Attributes:
        kept: the position in the history of the epoch whose weights are kept; negative if it isn't known.
        advice: sentences on how sure the figures are and on what would improve the model.
        interval: the 95 % confidence interval of a detector's mAP, 0..1; NaN if it isn't known.
    """

    kept: int = -1
    advice: tuple[str, ...] = ()
    interval: tuple[float, float] = (math.nan, math.nan)


def write_training_report(
    path: Path,
    card: ModelCard,
    history: figures.History,
    evaluation: Evaluation,
    photos: Sequence[Path],
    data_summary: Mapping[str, object],
    settings: Mapping[str, object],
    ending: Ending | None = None,
) -> None:
    """Writes the report of a training.

    Args:
        path: the HTML file.
        card: of the trained model.
        history: a row for each epoch: stage, epoch, loss, accuracy, val_loss, val_accuracy, learning_rate, seconds.
        evaluation: of the N validation photos.
        photos: the N photos' files, in the evaluation's order; those that are gone show a placeholder.
        data_summary: what was found in the data set; mappings and sequences may be nested.
        settings: every option, resolved.
        ending: how the training ended; None marks the epoch with the highest accuracy.

    Raises:
        EdgetlError: the file can't be written.
    """
    count = len(evaluation.truth)
    best = ending.kept if ending and ending.kept >= 0 else figures.best_epoch(history, "val_accuracy")
    top1 = evaluation.top1 if count else math.nan
    write_page(
        path,
        "report_training.html.j2",
        {
            "card": card,
            "top1": top1,
            "interval": confidence_interval(top1, count),
            "count": count,
            "wrong": int((evaluation.predicted != evaluation.truth).sum()),
            "seconds": sum(float(row.get("seconds", 0)) for row in history),
            "history": history,
            "best": best,
            "curves": [
                (measure, figures.curve(history, measure, f"val_{measure}", measure, best))
                for measure in ("accuracy", "loss")
                if history
            ],
            "matrix": figures.confusion_matrix(evaluation.confusion, evaluation.labels),
            "mix_ups": mix_ups(evaluation),
            "classes": class_rows(evaluation),
            "thresholds": threshold_rows(evaluation),
            "mistakes": worst_mistakes(evaluation, photos),
            "data_summary": data_summary,
            "settings": settings,
            "advice": ending.advice if ending else (),
        },
    )


def write_conversion_report(path: Path, manifest: Manifest) -> None:
    """Writes the report of a conversion.

    Args:
        path: the HTML file.
        manifest: of the bundle that was made.

    Raises:
        EdgetlError: the file can't be written.
    """
    variants = manifest.variants
    names = [variant.name for variant in variants]
    chosen = names.index(manifest.chosen)
    boxed = manifest.card.task == "detection"
    measures = (
        ("mAP" if boxed else "top-1 accuracy", [v.measured.accuracy for v in variants], percent),
        ("size", [float(v.bytes) or math.nan for v in variants], filesize),
        ("time on the workstation, median", [v.measured.latency_ms for v in variants], milliseconds),
    )
    drawn = [figures.bars(names, values, [form(v) for v in values], chosen, title) for title, values, form in measures]
    write_page(
        path,
        "report_conversion.html.j2",
        {
            "card": manifest.card,
            "manifest": manifest,
            "chosen": variants[chosen],
            "bars": drawn,
            "boxed": boxed,
            "golden": [(photo, thumbnail(path.parent / photo.file)) for photo in manifest.golden],
        },
    )
