"""Simulates the gate: how often it accepts a file whose true loss is known. Run it for the table in the docs.

    python tests/simulate_gate.py --times 400

Photos with and without labels, the answers of a Keras model and those of a converted file are drawn; everything from
there on is the gate's own code. Each file has the noise of a quantized one: some labels turn both ways, or boxes move a
little and scores change. A lossy file also turns labels of any confidence over, or loses and moves boxes.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from edgetl.card import DetectorDecoding, InputSpec, ModelCard
from edgetl.host.convert.gate.expected_drop import compare_scores
from edgetl.host.convert.gate.measure_boxes import BoxReference
from edgetl.host.convert.gate.measure_scores import measure_scores
from edgetl.host.convert.gate.more_photos import ENOUGH, joined
from edgetl.host.convert.gate.refusal import measure_until_decided, refusal_reasons
from edgetl.host.dataset.boxes.truth import Found, Truth
from edgetl.host.evaluate.mean_average_precision import DetectionEvaluation
from edgetl.host.evaluate.top1 import Evaluation
from edgetl.manifest import Measurement, Unlabelled
from edgetl.target import Gate

LOSSES = (0.0, 0.005, 0.01, 0.02, 0.05)
"""The true losses, 0..1: of top-1, or of mAP at IoU 0.5. A harmless file has the noise alone."""

PHOTOS = (40, 200, 1000)
"""The numbers of validation photos."""

RECIPE = "static_wi8_ai8"
LABELS = ("a", "b", "c", "d", "e", "f")
CARD = ModelCard("simulated", "detection", LABELS[:4], InputSpec(320, 320), DetectorDecoding((8,), (0.3,)))


@dataclass(frozen=True)
class Classifiers:
    """Draws a Keras classifier of 90 % top-1 and a converted file that agrees on 98.5 % of the photos.

    Attributes:
        noise: the standard deviation of the noise on the converted file's logits.
        confidence: how sure the Keras model is of itself: 1 if its scores are the chances of being right, more if it
            overestimates them.
    """

    noise: float = 0.4
    confidence: float = 1.0

    def accepted(self, rng: np.random.Generator, photos: int, loss: float) -> bool:
        """Says whether the gate accepts a file."""
        truth, keras, variant = self.draw(rng, photos, loss)
        measured = measure_scores(Evaluation(LABELS, truth, keras), variant, 1.0)

        def more(found: Measurement) -> Measurement:
            _, keras, variant = self.draw(rng, max(1, ENOUGH - photos), loss)
            return with_more(found, compare_scores(keras, variant), photos)

        measured = measure_until_decided(measured, Gate(), RECIPE, "classification", more)
        return not refusal_reasons(measured, Gate(), RECIPE, "classification")

    def draw(self, rng: np.random.Generator, photos: int, loss: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Draws the true classes, (N,) int64, and the scores of both models, (N, C) float32."""
        logits = rng.normal(0, 1, (photos, len(LABELS)))
        logits[np.arange(photos), rng.integers(0, len(LABELS), photos)] += 2 + rng.exponential(8, photos)
        chances = softmax(logits)
        truth = (chances.cumsum(axis=1) < rng.random((photos, 1))).sum(axis=1).clip(0, len(LABELS) - 1)
        spoilt = logits + rng.normal(0, self.noise, logits.shape)
        turned = np.flatnonzero(rng.random(photos) < max(0.0, loss - NOISE_LOSS) / TURNED)
        first, second = np.argsort(-spoilt[turned], axis=1)[:, :2].T
        pair = spoilt[turned, first].copy(), spoilt[turned, second].copy()
        spoilt[turned, second], spoilt[turned, first] = pair
        keras, variant = (softmax(self.confidence * found).astype(np.float32) for found in (logits, spoilt))
        return truth, keras, variant


TURNED, NOISE_LOSS = 0.877, 0.002
"""The mean loss of top-1 of a photo whose two best classes are exchanged, and the loss by the noise alone, 0..1; both
measured on 200,000 photos."""


def softmax(logits: np.ndarray) -> np.ndarray:
    exponents = np.exp(logits - logits.max(axis=1, keepdims=True))
    return exponents / exponents.sum(axis=1, keepdims=True)


@dataclass(frozen=True)
class Detectors:
    """Draws a Keras detector and a converted file.

    Attributes:
        placing: the standard deviation of an edge of the Keras model's boxes, in shares of the side.
        moving: that of the converted file's boxes about the Keras model's.
        noise: the standard deviation of the difference of the scores.
    """

    placing: float = 0.03
    moving: float = 0.006
    noise: float = 0.01

    def accepted(self, rng: np.random.Generator, photos: int, loss: float) -> bool:
        """Says whether the gate accepts a file."""
        truth, keras, variant = self.draw(rng, photos, loss)
        reference = BoxReference(CARD, DetectionEvaluation(CARD.labels, truth, keras))
        measured = reference.measure(variant, 1.0)

        def more(found: Measurement) -> Measurement:
            _, keras, variant = self.draw(rng, max(1, ENOUGH - photos), loss)
            return with_more(found, reference.compare(keras, variant), photos)

        measured = measure_until_decided(measured, Gate(), RECIPE, "detection", more)
        return not refusal_reasons(measured, Gate(), RECIPE, "detection")

    def draw(self, rng: np.random.Generator, photos: int, loss: float) -> tuple[list[Truth], list[Found], list[Found]]:
        """Draws the true boxes of each photo, and those that both models find."""
        truths, both = [], ([], [])
        for _ in range(photos):
            count = int(rng.integers(1, 4))
            corner = rng.uniform(0, 200, (count, 2))
            true = np.concatenate([corner, corner + rng.uniform(40, 110, (count, 2))], axis=1)
            classes = rng.integers(0, len(CARD.labels), count)
            truths.append(Truth(true.astype(np.float32), classes, np.zeros(count, bool), (320, 320)))
            for side, found in zip(both, self._found(rng, true, classes, loss), strict=True):
                side.append(found)
        return truths, *both

    def _found(self, rng: np.random.Generator, true: np.ndarray, classes: np.ndarray, loss: float) -> list[Found]:
        """Returns the boxes of both models in one photo: 96 % of the true ones, and a false one in every tenth."""
        seen = rng.random(len(true)) < 0.96
        false = rng.random() < 0.1
        boxes = np.concatenate([moved(rng, true[seen], self.placing), true[:1] - 60 if false else true[:0]])
        kinds = np.concatenate([classes[seen], classes[:1] if false else classes[:0]])
        score = np.concatenate([rng.beta(6, 3, seen.sum()), rng.uniform(0.02, 0.5, int(false))])
        theirs, their_score = moved(rng, boxes, self.moving), score + rng.normal(0, self.noise, len(score))
        spoilt = rng.random(len(boxes)) < loss / SPOILT
        gone = spoilt & (rng.random(len(boxes)) < 0.5)
        theirs[spoilt & ~gone] += 40
        their_score[gone] = 0.02
        return [found_of(boxes, score, kinds), found_of(theirs, their_score, kinds)]


SPOILT = 0.83
"""The loss of mAP at IoU 0.5 for each share of boxes that are lost or moved away, measured on 4,000 photos."""


def moved(rng: np.random.Generator, boxes: np.ndarray, share: float) -> np.ndarray:
    return boxes + rng.normal(0, share, boxes.shape) * np.tile(boxes[:, 2:] - boxes[:, :2], (1, 2))


def found_of(boxes: np.ndarray, score: np.ndarray, kinds: np.ndarray) -> Found:
    order = np.argsort(-score)
    return Found(boxes[order].astype(np.float32), score[order].clip(0.01, 1).astype(np.float32), kinds[order])


def with_more(measured: Measurement, more: Unlabelled, photos: int) -> Measurement:
    """Adds a comparison on more photos, as `Judge.measure_more` does, if the validation photos are too few."""
    assert measured.unlabelled is not None
    return replace(measured, unlabelled=joined(measured.unlabelled, more)) if photos < ENOUGH else measured


def acceptance(pairs: Classifiers | Detectors, photos: int, loss: float, times: int) -> float:
    """Returns the share of files that the gate accepts, 0..1."""
    seeds = range(times)
    return float(np.mean([pairs.accepted(np.random.default_rng((seed, photos)), photos, loss) for seed in seeds]))


def table(pairs: Classifiers | Detectors, times: int, photos: Sequence[int] = PHOTOS) -> str:
    """Returns the shares of accepted files as the rows of a table in Markdown."""
    rows = []
    for loss in LOSSES:
        cells = [f"{acceptance(pairs, count, loss, times):.1%}".replace("%", " %") for count in photos]
        rows.append(f"| {100 * loss:g} | " + " | ".join(cells) + " |")
    return "\n".join(rows)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--times", type=int, default=400, help="the number of files drawn for each cell")
    times = parser.parse_args().times
    simulated: dict[str, Classifiers | Detectors] = {
        "classifier": Classifiers(),
        "classifier that is too sure of itself": Classifiers(confidence=1.5),
        "detector": Detectors(),
    }
    for name, pairs in simulated.items():
        print(f"{name}\n| true loss, points | " + " | ".join(f"{count} photos" for count in PHOTOS) + " |")
        print(table(pairs, times), flush=True)
