"""Measures converted classifiers: top-1, agreement of the labels, and differences of the scores."""

from __future__ import annotations

import time
from collections.abc import Sequence

import numpy as np

from edgetl.card import ModelCard
from edgetl.device.inference.model import Model
from edgetl.device.measure.steps import Step, no_steps
from edgetl.device.runtime import Runtime
from edgetl.golden import golden_card
from edgetl.host.convert.gate import OutputWatch, require_finite
from edgetl.host.convert.gate.decoded_photos import DecodedPhotos
from edgetl.host.convert.gate.run_photos import Opened, run_photos
from edgetl.host.dataset.load import Dataset
from edgetl.host.evaluate.top1 import Evaluation
from edgetl.host.networks.stored import predict
from edgetl.host.networks.untyped import Network
from edgetl.manifest import Measurement
from edgetl.vision.arrays import Floats, Image


class ClassifierJudge:
    """Measures the variants of a classifier; see `edgetl.host.convert.gate.Judge`.

    Args:
        card: the classifier's card.
        network: the classifier's Keras model.
        data: the photos that the classifier was trained on, split as in training.

    Raises:
        GateError: a score of the Keras model is not a finite number.
    """

    def __init__(self, card: ModelCard, network: Network, data: Dataset) -> None:
        self._card = card
        began = time.monotonic()
        scores = predict(network, data.val)
        self.seconds_per_photo = (time.monotonic() - began) / len(data.val)
        require_finite([scores], card.name)
        self.reference = Evaluation(card.labels, data.val.classes, scores)
        self.summary = f"{self.reference.top1:.1%} top-1"
        self.train = data.train
        self.photos = data.val.paths
        self._frames = DecodedPhotos(data.val.paths, card.input)
        self.shown = [(int(label),) for label in data.val.classes]

    def measure(self, runtime: Runtime, step: Step = no_steps, more: Sequence[Runtime] = ()) -> Measurement:
        """Runs every validation photo through the device's code; a score that is not a finite number counts as 0.

        Args:
            runtime: the variant, opened with one thread.
            step: the function that is called with the number of photos done.
            more: the variant, opened again with one thread, once for each further core that may be used.
        """
        reference, watch = self.reference, OutputWatch()

        def run(opened: Opened, position: int) -> Floats:
            scores = opened[1].scores(self._frames[position][0])
            watch.add([scores])
            return np.nan_to_num(scores, nan=0.0, posinf=0.0, neginf=0.0)

        opened = [(one, Model(one, self._card)) for one in (runtime, *more)]
        rows, latency = run_photos(opened, len(self._frames), run, step)
        found = Evaluation(reference.labels, reference.truth, np.stack(rows))
        drops = np.nan_to_num(reference.recall - found.recall)
        worst = int(drops.argmax())
        return Measurement(
            accuracy=round(found.top1, 4),
            accuracy_drop=round(reference.top1 - found.top1, 4),
            worst_class=reference.labels[worst],
            worst_class_drop=round(float(drops[worst]), 4),
            agreement=round(float((found.predicted == reference.predicted).mean()), 4),
            max_score_difference=float(f"{np.abs(found.scores - reference.scores).max():.3g}"),
            latency_ms=round(latency, 3),
            class_drops={label: round(float(drop), 4) for label, drop in zip(reference.labels, drops, strict=True)},
            metrics=watch.faults(),
        )

    def expected(self, runtime: Runtime, frames: Sequence[Image]) -> object:
        """Returns a variant's scores for the golden photos: a list of 0..1 numbers for each photo, one for each class.

        Args:
            runtime: the variant, opened with one thread.
            frames: the golden photos, each (H, W, 3) uint8 BGR.
        """
        model = Model(runtime, golden_card(self._card))
        return [[float(score) for score in model.scores(frame)] for frame in frames]
