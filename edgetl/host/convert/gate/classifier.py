"""Measures converted classifiers: top-1, agreement of the labels, and differences of the scores."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cached_property

import numpy as np

from edgetl.card import ModelCard
from edgetl.device.inference.model import Model
from edgetl.device.measure.steps import Step, no_steps
from edgetl.device.runtime import Runtime
from edgetl.golden import golden_card
from edgetl.host.convert.gate import OutputWatch, require_finite
from edgetl.host.convert.gate.decoded_photos import DecodedPhotos
from edgetl.host.convert.gate.expected_drop import compare_scores
from edgetl.host.convert.gate.measure_scores import measure_scores
from edgetl.host.convert.gate.more_photos import ENOUGH, as_frame, changed_copies, joined
from edgetl.host.convert.gate.run_photos import Opened, run_photos
from edgetl.host.dataset.load import Dataset
from edgetl.host.evaluate.top1 import Evaluation
from edgetl.host.networks.stored import predict
from edgetl.host.networks.untyped import Network
from edgetl.manifest import Measurement
from edgetl.vision.arrays import Floats, Image, Scores


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
        self._card, self._network, self._data = card, network, data
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
        scores, latency, faults = self._run((runtime, *more), len(self._frames), lambda k: self._frames[k][0], step)
        return replace(measure_scores(self.reference, scores, latency), metrics=faults)

    def measure_more(self, measured: Measurement, runtimes: Sequence[Runtime], step: Step = no_steps) -> Measurement:
        """Adds a comparison of the scores on changed copies of training photos; see `Judge.measure_more`."""
        photos, reference = self._more
        if measured.unlabelled is None or not len(photos):
            return measured
        color = self._card.input.color
        scores, _, faults = self._run(runtimes, len(photos), lambda k: as_frame(photos[k], color), step)
        both = joined(measured.unlabelled, compare_scores(reference, scores))
        return replace(measured, unlabelled=both, metrics=measured.metrics | faults)

    def _run(
        self, runtimes: Sequence[Runtime], count: int, frame: Callable[[int], Image], step: Step
    ) -> tuple[Scores, float, dict[str, float]]:
        """Returns a variant's scores for N photos, (N, C) float32, its latency, ms, and the faults of its outputs."""
        watch = OutputWatch()

        def run(opened: Opened, position: int) -> Floats:
            scores = opened[1].scores(frame(position))
            watch.add([scores])
            return np.nan_to_num(scores, nan=0.0, posinf=0.0, neginf=0.0)

        opened = [(one, Model(one, self._card)) for one in runtimes]
        rows, latency = run_photos(opened, count, run, step)
        return np.stack(rows), latency, watch.faults()

    @cached_property
    def _more(self) -> tuple[Image, Scores]:
        """Changed copies of training photos, (M, H, W, 3) uint8 model inputs, and the Keras model's scores for them."""
        pixels = changed_copies(self.train, max(0, ENOUGH - len(self.photos)))
        copies = replace(self._data.train, pixels=pixels, rows=np.arange(len(pixels)))
        return pixels, predict(self._network, copies) if len(pixels) else self.reference.scores[:0]

    def expected(self, runtime: Runtime, frames: Sequence[Image]) -> object:
        """Returns a variant's scores for the golden photos: a list of 0..1 numbers for each photo, one for each class.

        Args:
            runtime: the variant, opened with one thread.
            frames: the golden photos, each (H, W, 3) uint8 BGR.
        """
        model = Model(runtime, golden_card(self._card))
        return [[float(score) for score in model.scores(frame)] for frame in frames]
