"""Runs the Keras model of a detector on photos; the boxes are decoded by the device's own code."""

from __future__ import annotations

from dataclasses import replace

from edgetl.card import ModelCard
from edgetl.host.dataset.boxes.load import BoxedPhotos
from edgetl.host.dataset.boxes.truth import Found
from edgetl.host.evaluate.mean_average_precision import DetectionEvaluation
from edgetl.host.networks.untyped import Network
from edgetl.vision.detect import Decoder

LEAST_SCORE = 0.01
"""Boxes with a lower score are left out of an evaluation, 0..1: they hardly change mAP and take much time."""

_BATCH = 32
"""The number of photos that the model runs on at once; larger batches are hardly faster."""


def judging(card: ModelCard) -> ModelCard:
    """Returns a detector's card for an evaluation: nearly every score counts, not only those that would be shown."""
    return replace(card, decoding=replace(card.detector, thresholds=(LEAST_SCORE,)))


def find(model: Network, photos: BoxedPhotos, card: ModelCard) -> list[Found]:
    """Runs a detector on photos.

    Args:
        model: a network from (N, H, W, 3) uint8 pixels to logits and raw distances.
        photos: the N photos.
        card: the detector's card; boxes below its thresholds are left out.

    Returns:
        The found boxes of each of the N photos, in px of the photo.
    """
    decoder = Decoder(card)
    found = []
    for start in range(0, len(photos), _BATCH):
        logits, distances = model.predict_on_batch(photos.batch(slice(start, start + _BATCH)))
        for k in range(len(logits)):
            result = decoder(logits[k], distances[k], photos.truth[start + k].size_wh)
            found.append(Found(result.xyxy, result.score, result.class_id))
    return found


def measure(model: Network, photos: BoxedPhotos, card: ModelCard) -> DetectionEvaluation:
    """Evaluates the Keras model of a detector on photos with true boxes.

    Args:
        model: a network from (N, H, W, 3) uint8 pixels to logits and raw distances.
        photos: the photos with their true boxes.
        card: the detector's card.
    """
    return DetectionEvaluation(card.labels, photos.truth, find(model, photos, judging(card)))
