"""Golden replay: whether this machine computes what the converting one did."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edgetl.bundle import Bundle, Variant
from edgetl.device.model import Model
from edgetl.device.runtime import UnloadableRuntimeError
from edgetl.errors import EdgetlError, GateError
from edgetl.vision.preprocess import Image

Scores = NDArray[np.float32]

TOLERANCES = {
    # Sums in another order move a probability by some 1e-6; 1e-3 leaves room for another processor's exp.
    "float32": 1e-3,
    # Runtimes may compute in half precision, whose 11 bits add up over the layers.
    "float16": 2e-2,
    # Outputs move in steps of 1/256; rounding that differs by a step in the last layers moves them by a few.
    "static_wi8_ai8": 3 / 256,
    # Activations are quantized by each kernel's own choice of range.
    "dynamic_wi8_afp32": 2e-2,
}
"""Largest |score - expected score| that is the same answer, by recipe, 0..1."""
_STRICTEST = min(TOLERANCES.values())


@dataclass(frozen=True, slots=True)
class VariantReport:
    """How one variant's replay went.

    Attributes:
        recipe: the variant's name.
        ok: whether it gave what was expected of it.
        reason: why not; empty where it did.
        photos: replayed.
        changed: of them, those whose top label is another one.
        max_difference: largest |score - expected score|, 0..1; None where nothing could be replayed.
        tolerance: what it may be.
    """

    recipe: str
    ok: bool
    reason: str = ""
    photos: int = 0
    changed: int = 0
    max_difference: float | None = None
    tolerance: float = 0.0

    def to_dict(self) -> dict[str, object]:
        """Returns JSON-ready values."""
        return {name: getattr(self, name) for name in self.__slots__}

    def __str__(self) -> str:
        if self.max_difference is None:
            return f"{self.recipe:<20} FAILS  {self.reason}"
        difference = f"differs by {self.max_difference:.5f} (allowed {self.tolerance:.5f})"
        end = "" if self.ok else f"; {self.reason}"
        return f"{self.recipe:<20} {'ok' if self.ok else 'FAILS':<6} {self.photos} photos, {difference}{end}"


def verify(bundle_folder: Path, variant: str | None = None, threads: int | None = None) -> list[VariantReport]:
    """Replays a bundle's golden photos through the device's own code.

    Args:
        bundle_folder: of the bundle.
        variant: a recipe; None replays every one that can run.
        threads: for inference; None takes the target's.

    Returns:
        A report a variant; a missing, altered or truncated file fails the variants that need it.

    Raises:
        ModelError: the manifest is not valid, or no runtime is there to replay it with.
        UsageError: the bundle has no such variant.
    """
    bundle = Bundle.open(bundle_folder)
    variants = (bundle.variant(variant),) if variant else bundle.runnable
    try:
        frames = bundle.golden_frames()
    except (EdgetlError, OSError) as error:
        return [VariantReport(v.recipe, ok=False, reason=_first_line(error)) for v in variants]
    return [_verify_variant(bundle, v, frames, threads) for v in variants]


def _verify_variant(bundle: Bundle, variant: Variant, frames: list[Image], threads: int | None) -> VariantReport:
    try:
        expected = bundle.golden_scores(variant)
        with Model.open(bundle.folder, variant=variant.recipe, threads=threads) as model:
            scores = [model.scores(frame).copy() for frame in frames]
    except UnloadableRuntimeError:
        raise  # nothing of the bundle's doing
    except (EdgetlError, OSError, ValueError, TypeError, RuntimeError) as error:  # NumPy's and the runtimes' own too
        return VariantReport(variant.recipe, ok=False, reason=_first_line(error))
    if not scores:
        return VariantReport(variant.recipe, ok=False, reason="the bundle has no golden photos")
    return compare(variant.recipe, np.stack(scores), expected)


def compare(recipe: str, scores: Scores, expected: Scores) -> VariantReport:
    """Judges replayed scores.

    Args:
        recipe: of the variant; an unknown one is held to the strictest tolerance.
        scores: (photos, classes), 0..1.
        expected: of the same shape.
    """
    tolerance = TOLERANCES.get(recipe, _STRICTEST)
    difference = float(np.abs(scores - expected).max())
    changed = int(_changed(scores, expected, tolerance).sum())
    reasons = []
    if changed:
        reasons.append(f"{changed} of {len(scores)} top labels changed")
    if not difference <= tolerance:  # so that NaN fails
        reasons.append("the scores drifted")
    reason = ", ".join(reasons)
    return VariantReport(recipe, not reason, reason, len(scores), changed, difference, tolerance)


def _changed(scores: Scores, expected: Scores, tolerance: float) -> NDArray[np.bool_]:
    """Which photos' top label is another one, but for those whose two best expected scores were a tie."""
    other = scores.argmax(axis=1) != expected.argmax(axis=1)
    if expected.shape[1] < 2:
        return np.asarray(other)
    second, first = np.sort(expected, axis=1)[:, -2:].T
    return np.asarray(other & (first - second > tolerance))


def _first_line(error: Exception) -> str:
    if isinstance(error, EdgetlError):
        return error.what
    return str(error).strip().split("\n")[0] or type(error).__name__


def require(reports: list[VariantReport], where: Path) -> None:
    """Passes where every variant is ok.

    Raises:
        GateError: some are not; it names them.
    """
    failing = [report.recipe for report in reports if not report.ok]
    if failing:
        what = f"{len(failing)} of {len(reports)} variants fail the golden replay: {', '.join(failing)}"
        remedy = "copy the bundle again; if that doesn't help, update the runtime or convert again"
        raise GateError(what, where=str(where), remedy=remedy)
