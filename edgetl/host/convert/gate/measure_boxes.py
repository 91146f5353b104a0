"""Computes the figures of a converted detector from its boxes in the validation photos."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

import numpy as np

from edgetl.card import ModelCard
from edgetl.host.convert.gate.box_agreement import agreement
from edgetl.host.convert.gate.expected_drop import box_errors, compare_boxes
from edgetl.host.convert.gate.rounded_intervals import rounded_intervals
from edgetl.host.dataset.boxes.truth import Found
from edgetl.host.evaluate.classifier_tables import confidence_interval
from edgetl.host.evaluate.map_interval import map_draws, map_drop_intervals
from edgetl.host.evaluate.mean_average_precision import DetectionEvaluation
from edgetl.manifest import Measurement, Unlabelled
from edgetl.vision.arrays import Doubles


class BoxReference:
    """The Keras model's boxes in the validation photos, with which those of each variant are compared.

    Args:
        card: the detector's card.
        evaluation: the Keras model's figures.

    Attributes:
        evaluation: the Keras model's figures.
    """

    def __init__(self, card: ModelCard, evaluation: DetectionEvaluation) -> None:
        self._card, self.evaluation = card, evaluation

    @cached_property
    def _draws(self) -> Doubles:
        return map_draws(self.evaluation)

    @cached_property
    def _errors(self) -> Doubles:
        return box_errors(self.evaluation.truth, self.evaluation.found)

    def measure(self, found: Sequence[Found], latency: float) -> Measurement:
        """Returns the figures of a variant, without those of its cells and outputs.

        Args:
            found: the variant's boxes in each validation photo.
            latency: the median time of one inference, ms.
        """
        reference = self.evaluation
        variant = DetectionEvaluation(reference.labels, reference.truth, found)
        drops = self._class_drops(variant)
        worst = max(drops, key=lambda label: drops[label])
        agreed = agreement(reference.found, found, self._card)
        # Each box that both show counts twice in `agreed`, but is one answer.
        pairs = {"agreement": confidence_interval(agreed.share, agreed.boxes // 2)}
        true_boxes = sum(int((~truth.ignore).sum()) for truth in reference.truth)
        pairs["accuracy_drop"], pairs["map50_drop"] = map_drop_intervals(self._draws, map_draws(variant), true_boxes)
        return Measurement(
            accuracy=round(variant.map, 4),
            accuracy_drop=round(reference.map - variant.map, 6),
            worst_class=worst,
            worst_class_drop=drops[worst],
            agreement=round(agreed.share, 4),
            max_score_difference=float(f"{agreed.max_score_difference:.3g}"),
            latency_ms=round(latency, 3),
            class_drops=drops,
            metrics={
                "map50": round(variant.map50, 4),
                "map50_drop": round(reference.map50 - variant.map50, 6),
            },
            intervals=rounded_intervals(pairs),
            unlabelled=self.compare(reference.found, found),
        )

    def compare(self, reference: Sequence[Found], variant: Sequence[Found]) -> Unlabelled:
        """Compares boxes without labels; see `edgetl.host.convert.gate.expected_drop.compare_boxes`.

        Args:
            reference: the Keras model's boxes in any photos.
            variant: the variant's boxes in the same photos.
        """
        return compare_boxes(reference, variant, self._card, self._errors)

    def _class_drops(self, variant: DetectionEvaluation) -> dict[str, float]:
        """Returns the loss of mAP of each class that the validation photos have boxes of."""
        before, after = self.evaluation.by_class(), variant.by_class()
        return {k: round(before[k][0] - after[k][0], 4) for k in before if not np.isnan(before[k][0])}
