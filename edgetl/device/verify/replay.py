"""Replays a bundle's golden photos to check that this machine computes what the converting machine did."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from edgetl.bundle import Bundle, Variant
from edgetl.device.inference.model import Model
from edgetl.device.runtime import UnloadableRuntimeError, open_runtime, require_runtime
from edgetl.device.runtime.threads import thread_count
from edgetl.device.verify.compare_golden import VariantReport, compare_scores
from edgetl.device.verify.compare_golden_boxes import compare_boxes
from edgetl.errors import EdgetlError, GateError
from edgetl.golden import golden_card
from edgetl.text import counted
from edgetl.vision.arrays import Image
from edgetl.vision.results import Detections


def verify(bundle_folder: Path, variant: str | None = None, threads: int | None = None) -> list[VariantReport]:
    """Replays a bundle's golden photos through the device's own code.

    Args:
        bundle_folder: the bundle's folder.
        variant: the name of the variant to replay; None replays every accepted one.
        threads: the number of threads for inference; None takes the target's.

    Returns:
        A report for each variant. A missing, altered or truncated file fails the variants that need it. A variant whose
        runtime is not installed on this machine is skipped.

    Raises:
        UnloadableRuntimeError: no runtime for any of the variants is installed.
        ModelError: the manifest is not valid.
        UsageError: the bundle has no such variant.
    """
    bundle = Bundle.open(bundle_folder)
    variants = (bundle.variant(variant),) if variant else bundle.runnable
    try:
        frames = bundle.golden_frames()
    except (EdgetlError, OSError) as error:
        return [VariantReport(v.name, ok=False, reason=_first_line(error)) for v in variants]
    missing = _missing_runtimes(variants)
    return [
        VariantReport(v.name, ok=False, reason=missing[v.runtime], skipped=True)
        if v.runtime in missing
        else _verify_variant(bundle, v, frames, threads)
        for v in variants
    ]


def _missing_runtimes(variants: Sequence[Variant]) -> dict[str, str]:
    """Returns why runtimes can't be loaded, by their names.

    Raises:
        UnloadableRuntimeError: no runtime can be loaded.
    """
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
    except (
        EdgetlError,
        OSError,
        ValueError,
        TypeError,
        RuntimeError,
    ) as error:  # NumPy and the runtimes raise errors of their own
        return VariantReport(variant.name, ok=False, reason=_first_line(error))


def _replay_scores(bundle: Bundle, variant: Variant, frames: list[Image], threads: int) -> VariantReport:
    expected = bundle.golden_scores(variant)
    runtime = open_runtime(variant.runtime, bundle.model_file(variant), threads)
    with Model(runtime, golden_card(bundle.manifest.card)) as model:
        scores = np.stack([model.scores(frame).copy() for frame in frames])
    return compare_scores(variant.name, variant.recipe, scores, expected)


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


def require_all_ok(reports: list[VariantReport], where: Path) -> None:
    """Checks that no variant failed the replay; a skipped variant has not failed.

    Args:
        reports: the reports of the variants.
        where: the bundle's folder, for the message.

    Raises:
        GateError: variants failed; the message names them.
    """
    failing = [report.variant for report in reports if not (report.ok or report.skipped)]
    if failing:
        what = f"{len(failing)} of {counted(len(reports), 'variant')} fail the golden replay: {', '.join(failing)}"
        remedy = "copy the bundle again; if that doesn't help, update the runtime or convert again"
        raise GateError(what, where=str(where), remedy=remedy)
