"""Which object of a frame is which one of the frames before."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from edgetl.vision.pairs import iou
from edgetl.vision.results import Detections

PATIENCE = 1.5
"""How long an object that isn't seen is waited for, s."""
MISSES = 5
"""It is waited for at least so many frames, however few come in a second."""
SURE_IOU = 0.2
"""Least overlap of an object with where it is expected."""
KNOWN_IOU = 0.4
"""The same of an object that has been seen for a while, and chooses before the others: of an object's two boxes, as
detectors sometimes give, the second one must not take its number's place."""
UNSURE_IOU = 0.5
"""The same where its score is below the threshold: it has to be where it is expected."""
SAME_PLACE = 0.7
"""Least overlap of two boxes of different classes that are taken for one object: a detector that isn't sure of a class
may give a box for each. Two objects of which one covers the other overlap less: on two films of people who carry things
at most 0.59, by an SSD that knows 80 classes."""
_GROWTH = 1.0
"""For what is left, boxes are grown by so much of their sides: what is small and fast may not overlap at all."""
_STEADY = 0.3
"""How much the last movement counts in a speed; more in a young track, which knows no other."""
_KNOWN = 3
"""Frames that an object has been seen in by then."""
_NOBODY = -1

Floats = NDArray[np.float64]
Numbers = NDArray[np.int64]


class Tracker:
    """Gives each object a number that stays with it from frame to frame, and never comes again.

    Objects are matched by class and by their overlap with where they are expected, at the speed they had. After
    Zhang et al., "ByteTrack: Multi-Object Tracking by Associating Every Detection Box" (ECCV 2022): those that
    reach their threshold choose first and may begin a track; those below it may only continue one, so that an object
    that is half hidden for a moment keeps its number. What is left is matched once more with boxes grown, after Yang
    et al., "Hard to Track Objects with Irregular Motions and Similar Appearances? Make It Easier by Buffering the
    Matching Space" (WACV 2023).

    An object may be found as two classes at once, or as one in this frame and as another in the next. It is followed as
    one object all the same: a box begins no track where an object of another class is followed, and a track whose class
    isn't found goes on with another one in its place. Two objects that have numbers already keep them as they pass.

    Args:
        patience: how long an object that isn't seen is waited for, s.
        misses: for at least so many frames.
    """

    def __init__(self, patience: float = PATIENCE, misses: int = MISSES) -> None:
        self._patience = patience
        self._misses = misses
        self._next = 1
        self._at = 0.0
        self._number: Numbers = np.zeros(0, np.int64)
        self._class: Numbers = np.zeros(0, np.int64)
        self._box: Floats = np.zeros((0, 4))
        self._speed: Floats = np.zeros((0, 2))
        self._seen: Floats = np.zeros(0)
        self._hits: Numbers = np.zeros(0, np.int64)
        self._missed: Numbers = np.zeros(0, np.int64)

    @property
    def numbers(self) -> frozenset[int]:
        """Of the objects that are followed, seen in the last frame or waited for."""
        return frozenset(self._number.tolist())

    def __call__(self, found: Detections, at: float, sure: NDArray[np.bool_] | None = None) -> Detections:
        """Follows the objects of the next frame.

        Args:
            found: in the frame, best first.
            at: when it was taken, s.
            sure: (N,) which of them reach their threshold; None for all.

        Returns:
            Those that are sure or continue a track, in their order, with `track`; less the second boxes of objects
            that are found as two classes.
        """
        sure = np.ones(len(found), np.bool_) if sure is None else sure
        self._at = max(at, self._at)
        boxes = found.xyxy.astype(np.float64)
        owner = self._match(boxes, found.class_id, sure)
        born = _first_boxes(boxes, found.class_id, owner, sure)
        self._continue(boxes, found.class_id, owner)
        owner[born] = np.arange(len(born)) + len(self._number)
        self._begin(boxes[born], found.class_id[born])
        track = np.where(owner == _NOBODY, 0, self._number[owner] if len(self._number) else 0)
        self._forget()
        kept = np.flatnonzero(owner != _NOBODY)
        followed = replace(found, track=track)
        return followed if len(kept) == len(found) else followed.take(kept)

    def _match(self, boxes: Floats, class_id: Numbers, sure: NDArray[np.bool_]) -> Numbers:
        """Finds the row of each object's track, (N,); `_NOBODY` for none."""
        owner = np.full(len(boxes), _NOBODY, np.int64)
        if not len(boxes) or not len(self._number):
            return owner
        expected = self._box + np.tile(self._speed, 2) * (self._at - self._seen)[:, None]
        same = class_id[:, None] == self._class
        recent = self._missed == 0
        overlap = np.where(same, iou(boxes, expected), 0.0)
        known = recent & (self._hits >= _KNOWN)
        _assign(owner, np.where(sure[:, None] & known, overlap, 0.0), KNOWN_IOU)
        _assign(owner, np.where(sure[:, None], overlap, 0.0), SURE_IOU)
        if not sure.all():
            _assign(owner, np.where(~sure[:, None] & recent, overlap, 0.0), UNSURE_IOU)
        left = (sure & (owner == _NOBODY))[:, None] & recent & same
        if left.any():
            _assign(owner, np.where(left, iou(_grown(boxes), _grown(expected)), 0.0), SURE_IOU)
        if (other := (sure & (owner == _NOBODY))[:, None] & recent & ~same).any():
            _assign(owner, np.where(other, iou(boxes, expected), 0.0), UNSURE_IOU)
        return owner

    def _continue(self, boxes: Floats, class_id: Numbers, owner: Numbers) -> None:
        """Moves the tracks that were found to where they are now; counts the frames of those that weren't."""
        self._missed += 1
        objects = np.flatnonzero(owner != _NOBODY)
        rows = owner[objects]
        passed = np.maximum(self._at - self._seen[rows], 1e-3)[:, None]
        speed = (_centres(boxes[objects]) - _centres(self._box[rows])) / passed
        weight = np.maximum(_STEADY, 1 / self._hits[rows])[:, None]
        self._speed[rows] += weight * (speed - self._speed[rows])
        self._box[rows] = boxes[objects]
        self._class[rows] = class_id[objects]
        self._seen[rows] = self._at
        self._hits[rows] += 1
        self._missed[rows] = 0

    def _begin(self, boxes: Floats, class_id: Numbers) -> None:
        count = len(boxes)
        if not count:
            return
        self._number = np.concatenate((self._number, np.arange(self._next, self._next + count)))
        self._class = np.concatenate((self._class, class_id))
        self._box = np.concatenate((self._box, boxes))
        self._speed = np.concatenate((self._speed, np.zeros((count, 2))))
        self._seen = np.concatenate((self._seen, np.full(count, self._at)))
        self._hits = np.concatenate((self._hits, np.ones(count, np.int64)))
        self._missed = np.concatenate((self._missed, np.zeros(count, np.int64)))
        self._next += count

    def _forget(self) -> None:
        """Ends the tracks that were waited for long enough."""
        keep = (self._missed <= self._misses) | (self._at - self._seen <= self._patience)
        if keep.all():
            return
        self._number, self._class, self._box = self._number[keep], self._class[keep], self._box[keep]
        self._speed, self._seen = self._speed[keep], self._seen[keep]
        self._hits, self._missed = self._hits[keep], self._missed[keep]


def _first_boxes(boxes: Floats, class_id: Numbers, owner: Numbers, sure: NDArray[np.bool_]) -> list[int]:
    """Finds the boxes that begin a track: those of no object that is followed as another class.

    Where such a box is better than the followed one, the track goes on with it.

    Args:
        boxes: (N, 4) xyxy, best first.
        class_id: (N,)
        owner: (N,) rows of tracks, `_NOBODY` for none; written to.
        sure: (N,) which of them reach their threshold.
    """
    first: list[int] = []
    unowned = np.flatnonzero(sure & (owner == _NOBODY)).tolist()
    if not unowned:
        return first
    double = (iou(boxes, boxes) >= SAME_PLACE) & (class_id[:, None] != class_id)
    taken = owner != _NOBODY
    for i in unowned:
        others = np.flatnonzero(double[i] & taken)
        if not len(others):
            first.append(i)
            taken[i] = True
        elif others[0] > i:
            owner[i], owner[others[0]] = owner[others[0]], _NOBODY
            taken[i], taken[others[0]] = True, False
    return first


def _assign(owner: Numbers, overlap: Floats, least: float) -> None:
    """Gives objects the tracks they overlap with most, the best pairs first.

    Args:
        owner: (N,) rows of tracks, written to where it is `_NOBODY`.
        overlap: (N, M) of objects with tracks; those of what is taken don't count.
        least: of a pair.
    """
    objects, rows = np.nonzero(overlap >= least)
    order = np.argsort(-overlap[objects, rows], kind="stable")
    taken = set(owner[owner != _NOBODY].tolist())
    for i, row in _pairs(objects[order], rows[order]):
        if owner[i] == _NOBODY and row not in taken:
            owner[i] = row
            taken.add(row)


def _pairs(objects: NDArray[np.intp], rows: NDArray[np.intp]) -> Iterable[tuple[int, int]]:
    return zip(objects.tolist(), rows.tolist(), strict=True)


def _centres(boxes: Floats) -> Floats:
    return (boxes[:, :2] + boxes[:, 2:]) / 2


def _grown(boxes: Floats) -> Floats:
    reach = (boxes[:, 2:] - boxes[:, :2]) * _GROWTH / 2
    return np.concatenate((boxes[:, :2] - reach, boxes[:, 2:] + reach), axis=1)
