"""Golden replay: whether this machine computes what the converting one did."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from edgetl.bundle import Bundle, Variant, golden_card
from edgetl.device.drift import VariantReport, compare, compare_boxes
from edgetl.device.model import Model
from edgetl.device.runtime import UnloadableRuntimeError, open_runtime
from edgetl.errors import EdgetlError, GateError
from edgetl.vision.preprocess import Image
from edgetl.vision.results import Detections


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
    if not frames:
        return VariantReport(variant.recipe, ok=False, reason="the bundle has no golden photos")
    replay = _replay_boxes if bundle.manifest.card.task == "detection" else _replay_scores
    try:
        return replay(bundle, variant, frames, threads or bundle.manifest.threads)
    except UnloadableRuntimeError:
        raise  # nothing of the bundle's doing
    except (EdgetlError, OSError, ValueError, TypeError, RuntimeError) as error:  # NumPy's and the runtimes' own too
        return VariantReport(variant.recipe, ok=False, reason=_first_line(error))


def _replay_scores(bundle: Bundle, variant: Variant, frames: list[Image], threads: int) -> VariantReport:
    expected = bundle.golden_scores(variant)
    with Model.open(bundle.folder, variant=variant.recipe, threads=threads) as model:
        scores = np.stack([model.scores(frame).copy() for frame in frames])
    return compare(variant.recipe, scores, expected)


def _replay_boxes(bundle: Bundle, variant: Variant, frames: list[Image], threads: int) -> VariantReport:
    expected, card = bundle.golden_boxes(variant), bundle.manifest.card
    runtime = open_runtime(variant.runtime, bundle.model_file(variant), threads)
    with Model(runtime, golden_card(card)) as model:
        found = [result for frame in frames if isinstance(result := model(frame), Detections)]
    return compare_boxes(variant.recipe, found, expected, card)


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
