"""Reports how a variant's golden replay went, and compares a classifier's scores with the expected ones."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from edgetl.text import counted
from edgetl.vision.arrays import Mask, Scores

TOLERANCES = {
    # Sums in another order move a probability by some 1e-6; 1e-3 allows for another processor's exp.
    "float32": 1e-3,
    # Runtimes may compute in half precision, whose errors of 11 bits add up over the layers.
    "float16": 2e-2,
    # Outputs move in steps of 1/256; different rounding in the last layers moves them by a few steps.
    "static_wi8_ai8": 3 / 256,
    "device_wi8_ai8": 3 / 256,
    # Each kernel chooses the ranges of the activations itself.
    "dynamic_wi8_afp32": 2e-2,
}
"""The largest |score - expected score| of a classifier that counts as equal, 0..1, by recipe."""


@dataclass(frozen=True, slots=True)
class VariantReport:
    """The result of one variant's replay.

    Attributes:
        variant: the variant's name.
        ok: whether the outputs are the expected ones.
        reason: the reason why they are not, or why the variant was skipped; empty if `ok`.
        photos: the number of replayed photos.
        changed: the number of photos with another top label, or of a detector's boxes without a partner.
        max_difference: the largest |score - expected score|, 0..1; None if nothing could be replayed.
        tolerance: the largest difference that is allowed, 0..1.
        boxes: the number of boxes expected of a detector; None for a classifier.
        skipped: whether the variant's runtime is not installed, so that it is neither ok nor failing.
    """

    variant: str
    ok: bool
    reason: str = ""
    photos: int = 0
    changed: int = 0
    max_difference: float | None = None
    tolerance: float = 0.0
    boxes: int | None = None
    skipped: bool = False

    def to_dict(self) -> dict[str, object]:
        """Returns JSON-ready values."""
        return {name: getattr(self, name) for name in self.__slots__}

    def __str__(self) -> str:
        if self.max_difference is None:
            return f"{self.variant:<24} {'skipped' if self.skipped else 'FAILS':<8} {self.reason}"
        boxes = "" if self.boxes is None else f", {counted(self.boxes, 'box', 'boxes')}"
        shown = counted(self.photos, "photo") + boxes
        difference = f"differs by {self.max_difference:.5f} (allowed {self.tolerance:.5f})"
        end = "" if self.ok else f"; {self.reason}"
        return f"{self.variant:<24} {'ok' if self.ok else 'FAILS':<8} {shown}, {difference}{end}"


def compare_scores(variant: str, recipe: str, scores: Scores, expected: Scores) -> VariantReport:
    """Compares a classifier's replayed scores with the expected ones.

    Args:
        variant: the variant's name.
        recipe: the variant's recipe; an unknown recipe gets the strictest tolerance.
        scores: the replayed scores, (photos, classes) float32 0..1.
        expected: the expected scores, (photos, classes) float32 0..1.
    """
    tolerance = TOLERANCES.get(recipe, min(TOLERANCES.values()))
    if not np.isfinite(scores).all():
        reason = "an output is not a finite number"
        return VariantReport(variant, False, reason, len(scores), tolerance=tolerance)
    difference = float(np.abs(scores - expected).max())
    changed = int(_changed(scores, expected, tolerance).sum())
    reasons = []
    if changed:
        reasons.append(f"{changed} of {len(scores)} top labels changed")
    if not difference <= tolerance:  # so that NaN fails
        reasons.append("the scores drifted")
    reason = ", ".join(reasons)
    return VariantReport(variant, not reason, reason, len(scores), changed, difference, tolerance)


def _changed(scores: Scores, expected: Scores, tolerance: float) -> Mask:
    """Returns which photos have another top label, (photos,) bool; expected scores within the tolerance are a tie."""
    other = scores.argmax(axis=1) != expected.argmax(axis=1)
    if expected.shape[1] < 2:
        return np.asarray(other)
    second, first = np.sort(expected, axis=1)[:, -2:].T
    return np.asarray(other & (first - second > tolerance))
