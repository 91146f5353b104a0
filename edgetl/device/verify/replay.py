"""Golden replay: whether this machine computes what the converting one did."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from edgetl.bundle import Bundle, Variant
from edgetl.device.inference.model import Model
from edgetl.device.runtime import UnloadableRuntimeError, open_runtime, require_runtime
from edgetl.device.runtime.threads import thread_count
from edgetl.device.verify.compare_golden import VariantReport, compare, compare_boxes
from edgetl.errors import EdgetlError, GateError
from edgetl.golden import golden_card
from edgetl.vision.arrays import Image
from edgetl.vision.results import Detections


def verify(bundle_folder: Path, variant: str | None = None, threads: int | None = None) -> list[VariantReport]:
    """Replays a bundle's golden photos through the device's own code.

    Args:
        bundle_folder: of the bundle.
        variant: the name of one; None replays every one that can run.
        threads: for inference; None takes the target's.

    Returns:
        A report a variant; a missing, altered or truncated file fails the variants that need it. Those that this
        machine has no runtime for are skipped.

    Raises:
        UnloadableRuntimeError: there is no runtime for any of them.
        ModelError: the manifest is not valid.
        UsageError: the bundle has no such variant.
    """
    bundle = Bundle.open(bundle_folder)
    variants = (bundle.variant(variant),) if variant else bundle.runnable
    try:
        frames = bundle.golden_frames()
    except (EdgetlError, OSError) as error:
        return [VariantReport(v.name, ok=False, reason=_first_line(error)) for v in variants]
    missing = _missing(variants)
    return [
        VariantReport(v.name, ok=False, reason=missing[v.runtime], skipped=True)
        if v.runtime in missing
        else _verify_variant(bundle, v, frames, threads)
        for v in variants
    ]


def _missing(variants: Sequence[Variant]) -> dict[str, str]:
    """Why runtimes can't be loaded, by their names; an error where none can be."""
    names = dict.fromkeys(variant.runtime for variant in variants)
    errors: dict[str, UnloadableRuntimeError] = {}
    for name in names:
        try:
            require_runtime(name)
        except UnloadableRuntimeError as error:
            errors[name] = error
    if errors and len(errors) == len(names):
        raise next(iter(errors.values()))
    return {name: error.what for name, error in errors.items()}


def _verify_variant(bundle: Bundle, variant: Variant, frames: list[Image], threads: int | None) -> VariantReport:
    if not frames:
        return VariantReport(variant.name, ok=False, reason="the bundle has no golden photos")
    replay = _replay_boxes if bundle.manifest.card.task == "detection" else _replay_scores
    try:
        return replay(bundle, variant, frames, thread_count(threads, bundle))
    except (EdgetlError, OSError, ValueError, TypeError, RuntimeError) as error:  # NumPy's and the runtimes' own too
        return VariantReport(variant.name, ok=False, reason=_first_line(error))


def _replay_scores(bundle: Bundle, variant: Variant, frames: list[Image], threads: int) -> VariantReport:
    expected = bundle.golden_scores(variant)
    runtime = open_runtime(variant.runtime, bundle.model_file(variant), threads)
    with Model(runtime, golden_card(bundle.manifest.card)) as model:
        scores = np.stack([model.scores(frame).copy() for frame in frames])
    return compare(variant.name, variant.recipe, scores, expected)


def _replay_boxes(bundle: Bundle, variant: Variant, frames: list[Image], threads: int) -> VariantReport:
    expected, card = bundle.golden_boxes(variant), bundle.manifest.card
    runtime = open_runtime(variant.runtime, bundle.model_file(variant), threads)
    with Model(runtime, golden_card(card)) as model:
        found = [result for frame in frames if isinstance(result := model(frame), Detections)]
    return compare_boxes(variant.name, variant.recipe, found, expected, card)


def _first_line(error: Exception) -> str:
    if isinstance(error, EdgetlError):
        return error.what
    return str(error).strip().split("\n")[0] or type(error).__name__


def require(reports: list[VariantReport], where: Path) -> None:
    """Passes where no variant fails; skipped ones don't.

    Raises:
        GateError: some are not; it names them.
    """
    failing = [report.variant for report in reports if not (report.ok or report.skipped)]
    if failing:
        what = f"{len(failing)} of {len(reports)} variants fail the golden replay: {', '.join(failing)}"
        remedy = "copy the bundle again; if that doesn't help, update the runtime or convert again"
        raise GateError(what, where=str(where), remedy=remedy)
