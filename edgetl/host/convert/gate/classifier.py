"""The judge of classifiers: top-1, agreement of the labels, differences of the scores."""

from __future__ import annotations

import statistics
from collections.abc import Sequence

import numpy as np

from edgetl.card import ModelCard
from edgetl.device.inference.model import Model
from edgetl.device.runtime import Runtime
from edgetl.golden import golden_card
from edgetl.host.console import track
from edgetl.host.convert.gate import FLOAT32_PARITY, OutputWatch, faults, require_finite, told
from edgetl.host.dataset.load import Dataset
from edgetl.host.evaluate.classifier import Evaluation
from edgetl.host.networks.stored import predict
from edgetl.host.networks.untyped import Network
from edgetl.manifest import Measurement
from edgetl.target import Gate
from edgetl.vision.arrays import Image
from edgetl.vision.photo import read_photo


class ClassifierJudge:
    """See `edgetl.host.convert.gate.Judge`.

    Args:
        card: of the classifier.
        network: its Keras model.
        data: the photos it was trained on, split as they were then.
    """

    def __init__(self, card: ModelCard, network: Network, data: Dataset) -> None:
        self._card = card
        scores = predict(network, data.val)
        require_finite([scores], card.name)
        self.reference = Evaluation(card.labels, data.val.classes, scores)
        self.told = f"{self.reference.top1:.1%} top-1"
        self.train = data.train
        self.photos = data.val.paths
        self.shown = [(int(label),) for label in data.val.classes]

    def measure(self, runtime: Runtime) -> Measurement:
        """See `Judge`; a score that is no finite number counts as 0."""
        model, reference = Model(runtime, self._card), self.reference
        scores, times, watch = [], [], OutputWatch()
        for path in track(self.photos, "Evaluating", len(self.photos)):
            said = model.scores(read_photo(path, self._card.input))
            watch.add([said])
            scores.append(np.nan_to_num(said, nan=0.0, posinf=0.0, neginf=0.0))
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
            metrics=watch.faults(),
        )

    def misses(self, measured: Measurement, gate: Gate, recipe: str) -> str:
        """See `Judge`."""
        difference, drop, agreed = measured.max_score_difference, measured.accuracy_drop, measured.agreement
        reasons = (
            *faults(measured),
            (
                recipe == "float32" and not difference <= FLOAT32_PARITY,
                f"a score differs by {difference:g} from Keras, float32 may by {FLOAT32_PARITY:g}",
            ),
            (
                not drop <= gate.max_accuracy_drop,
                f"loses {100 * drop:.1f} points of top-1, {100 * gate.max_accuracy_drop:.1f} are allowed",
            ),
            (
                not agreed >= gate.min_agreement,
                f"agrees on {100 * agreed:.1f} % of the photos, {100 * gate.min_agreement:.1f} % are wanted",
            ),
        )
        return told(reasons)

    def margin(self, measured: Measurement, gate: Gate) -> float:
        """See `Judge`."""
        if any(holds for holds, _ in faults(measured)):
            return -1.0
        return min(gate.max_accuracy_drop - measured.accuracy_drop, measured.agreement - gate.min_agreement)

    def expected(self, runtime: Runtime, frames: Sequence[Image]) -> object:
        """Returns the scores of each photo."""
        model = Model(runtime, golden_card(self._card))
        return [[float(score) for score in model.scores(frame)] for frame in frames]
