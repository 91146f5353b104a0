"""The gate: what a converted variant keeps of the Keras model, measured through the device's own code."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from edgetl.device.model import Model
from edgetl.host.dataset.load import Photos
from edgetl.host.evaluate import Evaluation
from edgetl.host.progress import track
from edgetl.target import Gate
from edgetl.vision.photo import read_photo

FLOAT32_PARITY = 1e-4


@dataclass(frozen=True, slots=True)
class Measurement:
    """A variant beside the Keras model, on the validation photos.

    Attributes:
        accuracy: top-1, 0..1.
        accuracy_drop: the Keras model's top-1 less this one's.
        worst_class: the class whose recall lost most.
        worst_class_drop: how much it lost.
        agreement: share of photos with the same top label, 0..1.
        max_score_difference: largest |score - Keras score|.
        latency_ms: median invoke here, one thread.
        class_drops: what each class's recall lost.
    """

    accuracy: float
    accuracy_drop: float
    worst_class: str
    worst_class_drop: float
    agreement: float
    max_score_difference: float
    latency_ms: float
    class_drops: dict[str, float] = field(default_factory=dict)


def measure(model: Model, val: Photos, reference: Evaluation) -> Measurement:
    """Runs every validation photo file through the device's code.

    Args:
        model: a variant, opened with one thread.
        val: N photos.
        reference: the Keras model's scores on the same photos.
    """
    scores, times = [], []
    for path in track(val.paths, "Evaluating", len(val)):
        scores.append(model.scores(read_photo(path, model.card.input)).copy())
        times.append(model.timings.invoke)
    found = Evaluation(reference.labels, reference.truth, np.stack(scores))
    drops = np.nan_to_num(reference.recall - found.recall)
    worst = int(drops.argmax())
    return Measurement(
        accuracy=round(found.top1, 4),
        accuracy_drop=round(reference.top1 - found.top1, 4),
        worst_class=reference.labels[worst],
        worst_class_drop=round(float(drops[worst]), 4),
        agreement=round(float((found.predicted == reference.predicted).mean()), 4),
        max_score_difference=float(f"{np.abs(found.scores - reference.scores).max():.3g}"),
        latency_ms=round(statistics.median(times), 3),
        class_drops={label: round(float(drop), 4) for label, drop in zip(reference.labels, drops, strict=True)},
    )


def misses(measured: Measurement, gate: Gate, recipe: str) -> str:
    """Says why a variant doesn't meet the gate; empty where it does.

    A float32 file that doesn't compute what Keras computes was exported wrongly, however right its labels are.
    """
    reasons: Sequence[tuple[bool, str]] = (
        (
            recipe == "float32" and measured.max_score_difference > FLOAT32_PARITY,
            f"a score differs by {measured.max_score_difference:g} from Keras, float32 may by {FLOAT32_PARITY:g}",
        ),
        (
            measured.accuracy_drop > gate.max_accuracy_drop,
            f"loses {100 * measured.accuracy_drop:.1f} points of top-1, {100 * gate.max_accuracy_drop:.1f} are allowed",
        ),
        (
            measured.agreement < gate.min_agreement,
            f"agrees on {100 * measured.agreement:.1f} % of the photos, {100 * gate.min_agreement:.1f} % are wanted",
        ),
    )
    return "; ".join(text for missed, text in reasons if missed)
