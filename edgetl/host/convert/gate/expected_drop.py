"""Estimates without labels how much accuracy a variant loses: from its answers that differ, and Keras's own outputs.

A variant can lose accuracy only where its answer differs from the Keras model's. What a different answer costs follows
from how sure the Keras model was, so photos without labels tell more than as many with them: a file that
exchanges two nearly equal classes loses nothing, and one that turns sure answers over loses all of them.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from edgetl.card import ModelCard
from edgetl.host.convert.gate.box_agreement import PairedBoxes, agreement, paired_boxes
from edgetl.host.dataset.boxes.truth import Found, Truth
from edgetl.host.evaluate.match_truth import MATCH_IOU
from edgetl.manifest import Unlabelled
from edgetl.vision.arrays import BoxesXyxy, Doubles, Scores
from edgetl.vision.match_boxes import pair

_IOUS = np.linspace(0.5, 0.95, 10)
"""The IoUs over which COCO averages the mAP, 0..1."""

_MOST_ERRORS = 200
"""At most this many errors of Keras's boxes are used; more would take time and change the mean little."""


def compare_scores(reference: Scores, variant: Scores) -> Unlabelled:
    """Compares the scores of two classifiers on the same photos.

    If the variant answers with another class, the photo's expected loss is the Keras model's score of its own class
    less its score of the variant's class: the difference of the chances that these are right.

    Args:
        reference: the Keras model's scores, (N, C) float32, 0..1.
        variant: the variant's scores, (N, C) float32, 0..1.
    """
    ours, theirs = reference.argmax(axis=1), variant.argmax(axis=1)
    rows = np.arange(len(reference))
    loss = reference[rows, ours] - reference[rows, theirs]
    return Unlabelled(len(rows), len(rows), float((ours == theirs).mean()), float(loss.mean()))


def compare_boxes(reference: Sequence[Found], variant: Sequence[Found], card: ModelCard, errors: Doubles) -> Unlabelled:
    """Compares the boxes of two detectors in the same photos.

    Each clear box of the Keras model that the variant doesn't have counts as a true box that is lost, and so does each
    clear box that the variant alone has, unless another one is missing in that photo. A box that both have loses the
    IoUs that it no longer reaches, on average over true boxes that lie around the Keras model's box as they did in the
    validation photos. The expected drop is the loss of all boxes, divided by the number of clear boxes of the Keras
    model.

    Args:
        reference: the Keras model's boxes in each photo, including boxes well below the display thresholds.
        variant: the variant's boxes in each photo.
        card: the card with the display thresholds and the labels.
        errors: how far the Keras model's boxes are from the true ones, (K, 4) float64; see `box_errors`.
    """
    lost, losses, clear = 0, [np.zeros((0, len(_IOUS)))], 0
    for photo in paired_boxes(reference, variant, card, MATCH_IOU):
        lost += max(photo.lone_boxes)
        clear += int(photo.clear[0].sum())
        losses.append(_losses(photo, errors))
    reached = _reached(np.array([[0.0, 0, 1, 1]]), np.array([[0.0, 0, 1, 1]]), errors)[0]
    drops = (lost * reached + np.concatenate(losses).sum(axis=0)) / max(clear, 1)
    found = agreement(reference, variant, card)
    return Unlabelled(len(reference), found.boxes, found.share, float(drops.mean()), float(drops[0]))


def box_errors(truth: Sequence[Truth], found: Sequence[Found]) -> Doubles:
    """Returns how far the edges of found boxes are from those of their true boxes.

    Args:
        truth: the true boxes of each photo.
        found: the boxes that a detector found in each photo, the best score first.

    Returns:
        The true edges less the found ones in shares of the found box's width and height, (K, 4) float64 left, top,
        right, bottom, K at most 200; zeros, (1, 4), if no true box was found.
    """
    errors = [np.zeros((0, 4))]
    for true, boxes in zip(truth, found, strict=True):
        partner = pair(boxes.xyxy, boxes.class_id, true.xyxy, true.class_id, MATCH_IOU)
        matched = np.flatnonzero(partner >= 0)
        ours = boxes.xyxy[matched].astype(np.float64)
        errors.append((true.xyxy[partner[matched]] - ours) / _sides(ours))
    rows = np.concatenate(errors)
    return rows[:: -(-len(rows) // _MOST_ERRORS)] if len(rows) else np.zeros((1, 4))


def _losses(photo: PairedBoxes, errors: Doubles) -> Doubles:
    """Returns what each pair with a clear box loses at each IoU, (M, 10) float64, -1..1."""
    (a, b), left, right = photo.boxes, photo.left, photo.right
    clear = photo.clear[0][left] | photo.clear[1][right]
    ours = a.xyxy[left[clear]].astype(np.float64)
    theirs = b.xyxy[right[clear]].astype(np.float64)
    return _reached(ours, ours, errors) - _reached(ours, theirs, errors)


def _reached(ours: Doubles, boxes: Doubles, errors: Doubles) -> Doubles:
    """Returns how likely boxes reach each IoU with the true boxes, which lie around other boxes.

    Args:
        ours: the boxes around which the true boxes lie, (M, 4) float64 xyxy.
        boxes: the boxes to judge, (M, 4) float64 xyxy.
        errors: the errors of the Keras model's boxes, (K, 4) float64; see `box_errors`.

    Returns:
        The share of the true boxes for each box and each of 10 IoUs, (M, 10) float64, 0..1.
    """
    true = ours[:, None] + errors * _sides(ours)[:, None]
    low, high = np.maximum(true[..., :2], boxes[:, None, :2]), np.minimum(true[..., 2:], boxes[:, None, 2:])
    both = (high - low).clip(0).prod(axis=-1)
    areas = (true[..., 2:] - true[..., :2]).prod(axis=-1) + (boxes[:, 2:] - boxes[:, :2]).prod(axis=-1)[:, None]
    overlap = both / np.maximum(areas - both, 1e-9)
    return np.asarray((overlap[..., None] >= _IOUS).mean(axis=1))


def _sides(boxes: BoxesXyxy | Doubles) -> Doubles:
    """Returns width, height, width and height of boxes, (M, 4) float64, px, at least a millionth."""
    sides = np.maximum(boxes[:, 2:] - boxes[:, :2], 1e-6)
    return np.concatenate([sides, sides], axis=1, dtype=np.float64)
