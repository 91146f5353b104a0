"""Reviews the photos of a classifier's training on the features that its backbone had before it learned their labels.

Features of the trained network would not do: it has learned its training photos by heart, with wrong labels as well.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from edgetl.host.dataset.load import Dataset, Photos
from edgetl.host.evaluate.top1 import Evaluation
from edgetl.host.probe.data_curve import DataCurve, Labelled, measure_curve
from edgetl.host.probe.photo_review import ClassGain, Part, PhotoReview, Reason, SuspectPhoto
from edgetl.host.probe.suspects import Suspect, find_suspects
from edgetl.vision.arrays import Floats

_MOST_REVIEWED = 10_000
"""At most this many photos are searched for wrong labels, which takes seconds."""
_RANDOM_WEIGHTS = (
    "The training began with random weights, whose features say nothing about the photos. Train with --weights auto to "
    "see what more photos would bring and which labels are probably wrong."
)
_NOT_FINITE = "The network's features are not finite numbers, so that they say nothing about the photos."
_FEW_PHOTOS = (
    "The classes have too few photos to see what more would bring: 4 training photos of most classes are needed."
)


@dataclass(frozen=True, slots=True, eq=False)
class PhotoFeatures:
    """The pooled features of the photos by the backbone before its training.

    Attributes:
        train: the features of the training photos, (N, F) float32.
        val: the features of the validation photos, (M, F) float32.
    """

    train: Floats
    val: Floats


def review_photos(data: Dataset, features: PhotoFeatures | None, evaluation: Evaluation) -> PhotoReview:
    """Returns what more photos would bring, and the photos whose labels are probably wrong.

    Args:
        data: the photos.
        features: their features; None if the training began with random weights.
        evaluation: the evaluation of the trained network on the validation photos.
    """
    copies = _copies(data)
    if features is None:
        return PhotoReview(missing=_RANDOM_WEIGHTS, suspects=tuple(copies))
    if not (np.isfinite(features.train).all() and np.isfinite(features.val).all()):
        return PhotoReview(missing=_NOT_FINITE, suspects=tuple(copies))
    train, val = Labelled(features.train, data.train.classes), Labelled(features.val, data.val.classes)
    curve = measure_curve(train, val, len(data.labels))
    contradicted, reviewed = _contradicted(data, features)
    named = {suspect.file for suspect in copies}
    rest = [suspect for suspect in contradicted if suspect.file not in named]
    first = [suspect for suspect in copies if suspect.clear]
    last = [suspect for suspect in copies if not suspect.clear]
    suspects = (*first, *rest, *last)
    if curve is None:
        return PhotoReview(missing=_FEW_PHOTOS, reviewed=reviewed, suspects=suspects)
    return PhotoReview(
        measured=curve.measured,
        fitted=curve.fitted,
        gain=curve.gain(evaluation.predicted != evaluation.truth),
        class_gains=tuple(_class_gains(data, curve, evaluation)),
        reviewed=reviewed,
        suspects=suspects,
    )


def _class_gains(data: Dataset, curve: DataCurve, evaluation: Evaluation) -> list[ClassGain]:
    counts = np.bincount(data.train.classes, minlength=len(data.labels)).tolist()
    rows = zip(data.labels, counts, evaluation.recall.tolist(), curve.corrected_of.tolist(), strict=True)
    gains = [ClassGain(label, count, recall, (1 - recall) * share) for label, count, recall, share in rows]
    return sorted(gains, key=lambda gain: (-gain.gain, gain.label))


def _contradicted(data: Dataset, features: PhotoFeatures) -> tuple[list[SuspectPhoto], int]:
    """Returns the photos that look like another class, and how many photos were searched."""
    train = len(data.train)
    classes = np.concatenate([data.train.classes, data.val.classes])
    picked = np.sort(np.random.default_rng(0).permutation(len(classes))[:_MOST_REVIEWED])
    paths, root = (*data.train.paths, *data.val.paths), Path(data.report.root)
    both, groups = np.concatenate([features.train, features.val]), data.report.groups_of(paths)
    found = find_suspects(both[picked], classes[picked], len(data.labels), groups[picked])

    def photo_of(suspect: Suspect) -> SuspectPhoto:
        position = int(picked[suspect.photo])
        return SuspectPhoto(
            str(paths[position].relative_to(root)),
            "train" if position < train else "val",
            data.labels[classes[position]],
            data.labels[suspect.looks_like],
            "looks like another class",
            suspect.own,
            suspect.other,
        )

    return [photo_of(suspect) for suspect in found], len(picked)


def _copies(data: Dataset) -> list[SuspectPhoto]:
    """Returns the photos of which a copy lies in another class, each once; an exact copy counts before a near one."""
    root, report = Path(data.report.root), data.report
    known: dict[str, tuple[Part, str]] = {}
    sides: tuple[tuple[Part, Photos], ...] = (("train", data.train), ("val", data.val))
    for part, side in sides:
        names = (str(path.relative_to(root)) for path in side.paths)
        known |= {name: (part, data.labels[i]) for name, i in zip(names, side.classes.tolist(), strict=True)}
    exact = {tuple(group) for group in report.exact_duplicates}
    found: dict[str, SuspectPhoto] = {}
    for group in sorted(report.conflicts, key=lambda group: tuple(group) not in exact):
        rows = {name: known.get(name, ("", Path(name).parent.name)) for name in group}
        for name, (part, label) in rows.items():
            others = sorted({other for _, other in rows.values()} - {label})
            if others and name not in found:
                reason = _reason(tuple(group) in exact)
                found[name] = SuspectPhoto(name, part, label, others[0], reason, copy_of=group[0])
    return list(found.values())


def _reason(same: bool) -> Reason:
    return "same photo in another class" if same else "nearly the same photo in another class"
