"""What a detector's Keras model finds in photos, read with the device's own decoder."""

from __future__ import annotations

from dataclasses import replace

from edgetl.card import ModelCard
from edgetl.host.dataset.boxes.load import BoxedPhotos
from edgetl.host.dataset.boxes.truth import Found
from edgetl.host.evaluate.box_metrics import DetectionEvaluation
from edgetl.host.networks.untyped import Network
from edgetl.vision.detect import Decoder

LEAST_SCORE = 0.01
"""What scores less adds nothing to mAP but time."""

_BATCH = 32


def judging(card: ModelCard) -> ModelCard:
    """Returns a detector's card as mAP wants it: nearly every score counts, not only those worth showing."""
    return replace(card, decoding=replace(card.detector, thresholds=(LEAST_SCORE,)))


def find(model: Network, photos: BoxedPhotos, card: ModelCard) -> list[Found]:
    """Runs photos through a detector.

    Args:
        model: (N, H, W, 3) uint8 to logits and raw distances.
        photos: N photos.
        card: of the detector; its thresholds are heeded.
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
    """Evaluates a detector's Keras model on photos with true boxes."""
    return DetectionEvaluation(card.labels, photos.truth, find(model, photos, judging(card)))
