"""Places each found box at the weighted mean of the boxes that its neighbouring cells found of the same object.

The cells of an object place its edges with errors that hardly depend on each other, so their mean is closer to the
object than the box with the best score (box voting, after Gidaris & Komodakis, 2015).
"""

from __future__ import annotations

import numpy as np

from edgetl.vision.arrays import BoxesXyxy, ClassIds, Rows, Scores

LEAST_SHARE = np.float32(0.5)
"""A box takes part if its score is at least this share of the found box's, 0..1. The result then hardly depends on the
threshold, below which boxes are unknown."""


def vote(
    xyxy: BoxesXyxy, score: Scores, class_id: ClassIds | None, rows: Rows, least_iou: float, least_score: Scores
) -> BoxesXyxy:
    """Returns the boxes at some positions, each as the mean of the boxes that show the same object.

    Each box that takes part weighs as much as its score times its overlap with the found box.

    Args:
        xyxy: (N, 4) float32 boxes, left, top, right, bottom, px, each with an area.
        score: scores of the boxes, (N,) float32, above 0 and at most 1.
        class_id: classes of the boxes, (N,) int64; boxes of other classes take no part. If it is None, all boxes are of
            one class.
        rows: positions of the found boxes, (K,) intp.
        least_iou: smallest intersection over union with the found box of a box that takes part, 0..1.
        least_score: smallest score of a box that takes part with each found box, (K,) float32.

    Returns:
        (K, 4) float32 boxes, left, top, right, bottom, px.
    """
    x1, y1, x2, y2 = np.ascontiguousarray(xyxy.T)
    width = np.minimum.outer(x2[rows], x2) - np.maximum.outer(x1[rows], x1)
    height = np.minimum.outer(y2[rows], y2) - np.maximum.outer(y1[rows], y1)
    both = np.maximum(width, 0, out=width) * np.maximum(height, 0, out=height)
    areas = (x2 - x1) * (y2 - y1)
    iou = both / (np.add.outer(areas[rows], areas) - both)
    takes_part = (iou >= least_iou) & (score >= least_score[:, None])
    if class_id is not None:
        takes_part &= class_id == class_id[rows][:, None]
    weight = iou * score * takes_part
    return np.asarray(weight @ xyxy / weight.sum(axis=1, keepdims=True))
