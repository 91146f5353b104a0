"""Computes the figures of a converted classifier from its scores on the validation photos."""

from __future__ import annotations

import numpy as np

from edgetl.host.convert.gate.expected_drop import compare_scores
from edgetl.host.convert.gate.rounded_intervals import rounded_intervals
from edgetl.host.evaluate.classifier_tables import confidence_interval
from edgetl.host.evaluate.top1 import Evaluation
from edgetl.host.evaluate.top1_interval import top1_drop_interval
from edgetl.manifest import Measurement
from edgetl.vision.arrays import Scores


def measure_scores(reference: Evaluation, scores: Scores, latency: float) -> Measurement:
    """Returns the figures of a variant, without the faults of its outputs.

    Args:
        reference: the Keras model's scores on the N validation photos.
        scores: the variant's scores, (N, C) float32, 0..1.
        latency: the median time of one inference, ms.
    """
    found = Evaluation(reference.labels, reference.truth, scores)
    drops = np.nan_to_num(reference.recall - found.recall)
    worst = int(drops.argmax())
    agreement = float((found.predicted == reference.predicted).mean())
    right = (reference.predicted == reference.truth, found.predicted == found.truth)
    pairs = {
        "accuracy_drop": top1_drop_interval(*right),
        "agreement": confidence_interval(agreement, len(reference.truth)),
    }
    return Measurement(
        accuracy=round(found.top1, 4),
        accuracy_drop=round(reference.top1 - found.top1, 6),
        worst_class=reference.labels[worst],
        worst_class_drop=round(float(drops[worst]), 4),
        agreement=round(agreement, 4),
        max_score_difference=float(f"{np.abs(found.scores - reference.scores).max():.3g}"),
        latency_ms=round(latency, 3),
        class_drops={label: round(float(drop), 4) for label, drop in zip(reference.labels, drops, strict=True)},
        intervals=rounded_intervals(pairs),
        unlabelled=compare_scores(reference.scores, scores),
    )
