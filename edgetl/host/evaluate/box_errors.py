"""Measures how exactly a detector places its boxes: the distance of each found edge from the true one."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from edgetl.card import InputSpec
from edgetl.host.dataset.boxes.coco_sizes import LARGE_FROM, SMALL_BELOW, Size
from edgetl.host.dataset.boxes.truth import Found, Truth
from edgetl.host.evaluate.match_truth import MATCH_IOU
from edgetl.text import counted
from edgetl.vision.arrays import Doubles, Mask
from edgetl.vision.letterbox import place
from edgetl.vision.match_boxes import pair

Edge = Literal["left", "top", "right", "bottom"]
Aspect = Literal["tall", "square", "wide"]

EDGES: tuple[Edge, ...] = ("left", "top", "right", "bottom")
"""The edges in the order of xyxy."""

LONG = 1.5
"""A box is tall or wide if its longer side is at least this many times the shorter one."""

_NORMAL_95 = 1.96
"""The mean of many errors lies within this many standard errors of the true mean with 95 % confidence."""


@dataclass(frozen=True, slots=True)
class EdgeError:
    """The errors of one edge over some boxes, px of the model's input; NaN without boxes.

    Attributes:
        median: the median of the distances from the true edge, without sign.
        p90: the 90th percentile of these distances.
        bias: the mean of the signed distances; positive if the found edge lies to the right of or below the true one.
        margin: half the width of the bias's 95 % confidence interval; NaN for fewer than two boxes.
    """

    median: float
    p90: float
    bias: float
    margin: float

    def to_dict(self) -> dict[str, float | None]:
        """Returns the figures as JSON-ready values."""
        figures = {"median": self.median, "p90": self.p90, "bias": self.bias, "margin": self.margin}
        return {name: _json(value) for name, value in figures.items()}


@dataclass(frozen=True, slots=True)
class GroupErrors:
    """The errors of a group of boxes, px of the model's input; NaN without boxes.

    Attributes:
        boxes: the number of boxes of the group that were found.
        median: the median distance of all their edges from the true ones.
        p90: the 90th percentile of these distances.
        edges: the errors of each edge.
    """

    boxes: int
    median: float
    p90: float
    edges: dict[Edge, EdgeError]

    def to_dict(self) -> dict[str, object]:
        """Returns the figures as JSON-ready values."""
        edges = {edge: error.to_dict() for edge, error in self.edges.items()}
        return {"boxes": self.boxes, "median": _json(self.median), "p90": _json(self.p90), "edges": edges}


@dataclass(frozen=True, slots=True)
class BoxErrors:
    """The errors of the boxes that a detector found; B of them have a true box.

    Attributes:
        signed: the found minus the true left, top, right and bottom edge of each, (B, 4) float64, px of the model's
            input.
        true_wh: width and height of each true box, (B, 2) float64, px of the photo.
        true_boxes: the number of true boxes, found or not.
    """

    signed: Doubles
    true_wh: Doubles
    true_boxes: int

    def all(self) -> GroupErrors:
        """Returns the errors of all found boxes."""
        return self._group(np.ones(len(self.signed), np.bool_))

    def by_size(self) -> dict[Size, GroupErrors]:
        """Returns the errors of each of COCO's sizes, small first."""
        areas = self.true_wh.prod(axis=1)
        small, large = areas < SMALL_BELOW, areas >= LARGE_FROM
        return {
            "small": self._group(small),
            "medium": self._group(~small & ~large),
            "large": self._group(large),
        }

    def by_aspect(self) -> dict[Aspect, GroupErrors]:
        """Returns the errors of tall, of nearly square and of wide boxes."""
        width, height = self.true_wh.T
        tall, wide = height >= LONG * width, width >= LONG * height
        return {"tall": self._group(tall), "square": self._group(~tall & ~wide), "wide": self._group(wide)}

    def to_dict(self) -> dict[str, object]:
        """Returns all groups as JSON-ready values."""
        return {
            **self.all().to_dict(),
            "true_boxes": self.true_boxes,
            "sizes": {size: group.to_dict() for size, group in self.by_size().items()},
            "aspects": {aspect: group.to_dict() for aspect, group in self.by_aspect().items()},
        }

    def to_text(self) -> str:
        """Returns the errors of all found boxes as a line for people."""
        group = self.all()
        start = f"edges of {group.boxes} of {counted(self.true_boxes, 'box', 'boxes')}"
        if not group.boxes:
            return f"{start}: none was found"
        biases = ", ".join(f"{edge} {error.bias:+.2f}" for edge, error in group.edges.items())
        margin = max(error.margin for error in group.edges.values())
        known = "" if math.isnan(margin) else f" (±{margin:.2f})"
        return f"{start}, px of the input: median error {group.median:.2f}, p90 {group.p90:.2f}; bias {biases}{known}"

    def _group(self, rows: Mask) -> GroupErrors:
        """Returns the errors of the boxes that are chosen by a mask, (B,) bool."""
        signed = self.signed[rows]
        errors = {edge: _edge_error(signed[:, column]) for column, edge in enumerate(EDGES)}
        return GroupErrors(len(signed), *_distances(signed), errors)


def box_errors(truth: Sequence[Truth], found: Sequence[Found], spec: InputSpec) -> BoxErrors:
    """Measures the edges of the boxes that were found with an IoU of at least 0.5.

    Within a class, boxes are paired one to one; the found box with the best score chooses first, as in mAP. Difficult
    boxes and crowds are left out.

    Args:
        truth: the true boxes of each of N photos.
        found: the found boxes of each of N photos.
        spec: the model's input, in whose px errors are measured.
    """
    signed, sides = [np.empty((0, 4))], [np.empty((0, 2))]
    for true, seen in zip(truth, found, strict=True):
        boxes, class_id = true.xyxy[~true.ignore], true.class_id[~true.ignore]
        order = np.argsort(-seen.score, kind="stable")
        partners = pair(seen.xyxy[order], seen.class_id[order], boxes, class_id, MATCH_IOU)
        paired = partners >= 0
        mine = boxes[partners[paired]].astype(np.float64)
        if len(mine):
            width, height = true.size_wh
            at = place(height, width, spec)
            signed.append((seen.xyxy[order][paired] - mine) * np.array((at.scale_x, at.scale_y) * 2))
            sides.append(mine[:, 2:] - mine[:, :2])
    count = sum(int((~true.ignore).sum()) for true in truth)
    return BoxErrors(np.concatenate(signed), np.concatenate(sides), count)


def _json(px: float) -> float | None:
    """Returns a length rounded to a thousandth of a px, or None for NaN, which JSON lacks."""
    return None if math.isnan(px) else round(px, 3)


def _edge_error(signed: Doubles) -> EdgeError:
    """Returns the figures of one edge's signed errors, (B,) float64, px."""
    bias = float(signed.mean()) if len(signed) else math.nan
    margin = _NORMAL_95 * float(signed.std(ddof=1)) / math.sqrt(len(signed)) if len(signed) > 1 else math.nan
    return EdgeError(*_distances(signed), bias, margin)


def _distances(signed: Doubles) -> tuple[float, float]:
    """Returns the median and the 90th percentile of errors without sign; NaN without errors.

    Args:
        signed: the signed errors, (B,) or (B, 4) float64, px.
    """
    if not signed.size:
        return math.nan, math.nan
    median, p90 = np.percentile(np.abs(signed), (50, 90))
    return float(median), float(p90)
