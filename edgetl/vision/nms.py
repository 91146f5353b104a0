"""Removes the boxes that overlap with better ones: non-maximum suppression (NMS)."""

from __future__ import annotations

import cv2
import numpy as np

from edgetl.vision.arrays import BoxesXyxy, ClassIds, Rows, Scores


def suppress(xyxy: BoxesXyxy, score: Scores, class_id: ClassIds | None, iou: float) -> Rows:
    """Returns the boxes that remain after greedy non-maximum suppression.

    A box remains if it overlaps by at most `iou` with each better box that remains.

    Args:
        xyxy: (N, 4) float32 boxes, left, top, right, bottom, px, each with an area; no coordinate is negative, because
            OpenCV shifts boxes by their class to keep the classes apart.
        score: scores of the boxes, (N,) float32, above 0 and at most 1.
        class_id: classes of the boxes, (N,) int64; boxes of different classes don't suppress each other. If it is None,
            all boxes are of one class.
        iou: largest intersection over union of two boxes that remain, 0..1.

    Returns:
        The positions of the boxes that remain, (K,) intp, best first; equal scores keep their order.
    """
    if not len(xyxy):
        return np.empty(0, np.intp)
    xywh = xyxy.astype(np.float64)
    xywh[:, 2:] -= xywh[:, :2]
    # OpenCV's stubs ask for sequences, but it takes arrays.
    if class_id is None:
        return np.asarray(cv2.dnn.NMSBoxes(xywh, score, 0.0, iou), np.intp)  # type: ignore[arg-type]
    classes = class_id.astype(np.int32)
    return np.asarray(cv2.dnn.NMSBoxesBatched(xywh, score, classes, 0.0, iou), np.intp)  # type: ignore[arg-type]
