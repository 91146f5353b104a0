"""Pairs true boxes with found ones, and names the found boxes that are false alarms."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from edgetl.host.dataset.boxes.truth import Found, Truth
from edgetl.vision.arrays import BoxesXyxy, Floats, Integers, Scores
from edgetl.vision.filter import reaches
from edgetl.vision.match_boxes import iou

MATCH_IOU = 0.5
"""A true and a found box match from this IoU on, 0..1; it is also the share of a box that lies in a crowd."""


def shown_boxes(found: Found, thresholds: Floats) -> Integers:
    """Returns the boxes of a photo that reach the display thresholds of their classes.

    Args:
        found: the N boxes found in a photo.
        thresholds: the display threshold of each class, (C,) float32, 0..1.

    Returns:
        The positions of the boxes, (M,) int64 in 0..N-1.
    """
    return np.flatnonzero(reaches(found.score, found.class_id, thresholds))


def match_truth(truth: BoxesXyxy, boxes: BoxesXyxy, score: Scores) -> list[tuple[int, int]]:
    """Pairs true boxes with found ones of any class; the box with the best score chooses first.

    Args:
        truth: the true boxes, (K, 4) float32 xyxy.
        boxes: the found boxes, (N, 4) float32 xyxy.
        score: the scores of the found boxes, (N,) float32, 0..1.

    Returns:
        The positions of each true box and its found box.
    """
    if not len(truth) or not len(boxes):
        return []
    overlap = iou(truth, boxes)
    pairs = []
    for box in np.argsort(-score, kind="stable").tolist():
        true = int(overlap[:, box].argmax())
        if overlap[true, box] >= MATCH_IOU:
            pairs.append((true, box))
            overlap[true] = -1
    return pairs


def false_alarms(truth: Truth, boxes: BoxesXyxy, paired: Sequence[int]) -> Integers:
    """Returns the found boxes without a true box that are not part of a crowd.

    Args:
        truth: the true boxes of the photo.
        boxes: the found boxes, (N, 4) float32 xyxy.
        paired: the positions of the found boxes that are paired with a true box.

    Returns:
        The positions of the false alarms, (M,) int64 in 0..N-1.
    """
    crowds = truth.xyxy[truth.ignore]
    inner = np.minimum(boxes[:, None, 2:], crowds[None, :, 2:]) - np.maximum(boxes[:, None, :2], crowds[None, :, :2])
    areas = (boxes[:, 2:] - boxes[:, :2]).prod(axis=1)
    within = (inner.clip(0).prod(axis=2) >= MATCH_IOU * areas[:, None]).any(axis=1)
    return np.setdiff1d(np.flatnonzero(~within), np.asarray(paired, np.int64))
