"""Compares what two models answered for the same photos: classes or boxes, with the interval of each change."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from edgetl.host.dataset.boxes.truth import Found, Truth
from edgetl.host.evaluate.map_interval import map_draws, map_drop_intervals
from edgetl.host.evaluate.mean_average_precision import DetectionEvaluation
from edgetl.host.evaluate.paired_comparison import ModelComparison, PairedClass, PairedFigure
from edgetl.host.evaluate.top1_interval import top1_drop_interval
from edgetl.vision.arrays import ClassIds


def compare_answers(
    names: tuple[str, str],
    labels: tuple[str, ...],
    truth: ClassIds,
    answers: tuple[ClassIds, ClassIds],
    notes: Sequence[str] = (),
) -> ModelComparison:
    """Compares the answers of two classifiers for the same photos.

    Args:
        names: the names of the old and the new model.
        labels: the names of the classes.
        truth: the true class of each photo, (N,) int64 as positions in `labels`.
        answers: the answers of the old and the new model, each (N,) int64 as positions in `labels`.
        notes: sentences about what limits the comparison.
    """
    before, after = (answer == truth for answer in answers)
    low, high = top1_drop_interval(before, after)
    rows = [(label, truth == i) for i, label in enumerate(labels)]
    return ModelComparison(
        *names,
        photos=len(truth),
        figures=(PairedFigure("top1", float(before.mean()), float(after.mean()), -high, -low),),
        classes=tuple(
            PairedClass(label, int(own.sum()), float(before[own].mean()), float(after[own].mean()))
            for label, own in rows
            if own.any()
        ),
        only_old=int((before & ~after).sum()),
        only_new=int((after & ~before).sum()),
        notes=tuple(notes),
    )


def compare_boxes(
    names: tuple[str, str],
    labels: tuple[str, ...],
    truth: Sequence[Truth],
    found: tuple[Sequence[Found], Sequence[Found]],
    notes: Sequence[str] = (),
) -> ModelComparison:
    """Compares the boxes of two detectors in the same photos.

    Args:
        names: the names of the old and the new model.
        labels: the names of the classes.
        truth: the true boxes of each photo, with classes as positions in `labels`.
        found: the boxes that the old and the new model found in each photo, with classes as positions in `labels`.
        notes: sentences about what limits the comparison.
    """
    before, after = (DetectionEvaluation(labels, truth, boxes) for boxes in found)
    counts = np.bincount(np.concatenate([t.class_id[~t.ignore] for t in truth]), minlength=len(labels))
    drops = map_drop_intervals(map_draws(before), map_draws(after), int(counts.sum()))
    pairs = (("map", before.map, after.map), ("map50", before.map50, after.map50))
    first, second = before.by_class(), after.by_class()
    return ModelComparison(
        *names,
        photos=len(truth),
        figures=tuple(
            PairedFigure(name, old, new, -high, -low)
            for (name, old, new), (low, high) in zip(pairs, drops, strict=True)
        ),
        classes=tuple(
            PairedClass(label, int(count), first[label][0], second[label][0])
            for label, count in zip(labels, counts, strict=True)
            if count
        ),
        notes=tuple(notes),
    )
