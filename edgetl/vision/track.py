"""Tracks objects: gives each one a number that stays with it from frame to frame."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import numpy as np

from edgetl.vision.arrays import Doubles, Integers, Mask, Rows
from edgetl.vision.match_boxes import iou
from edgetl.vision.results import Detections

PATIENCE = 1.5
"""A track whose object isn't seen ends after this time, s."""
MISSES = 5
"""A track doesn't end before its object was missed in this number of frames, however low the frame rate is."""
SURE_IOU = 0.2
"""A box that reaches its threshold continues a track only if it overlaps with the expected box by this IoU, 0..1."""
KNOWN_IOU = 0.4
"""A track that is `_KNOWN` chooses first, and only a box that overlaps with the expected one by this IoU, 0..1.

Detectors sometimes give two boxes for an object: the second one must not take over the number of the first.
"""
UNSURE_IOU = 0.5
"""A box below its threshold continues a track only if it overlaps with the expected one by this IoU, 0..1."""
SAME_PLACE = 0.7
"""Two boxes of different classes are one object if they overlap by this IoU, 0..1, or more.

A detector that isn't sure of a class may give a box for each class. Two objects of which one covers the other overlap
less: at most by 0.59 on two films of people who carry things, with an SSD that knows 80 classes.
"""
_GROWTH = 1.0
"""The boxes that are left are grown by this share of their sides, as small and fast objects may not overlap at all."""
_STEADY = 0.3
"""The last movement has this weight in a track's speed, 0..1; in a young track it has more."""
_KNOWN = 3
"""A track is known once its object was seen in this number of frames."""
_NO_TRACK = -1
"""An object without a track has this in place of the track's row."""


class Tracker:
    """Gives each object a number that stays with it from frame to frame; no number is used twice.

    Objects are matched with tracks by their class and by their overlap with the box that is expected at the track's
    speed. This follows Zhang et al., "ByteTrack: Multi-Object Tracking by Associating Every Detection Box" (ECCV 2022):
    objects that reach their threshold choose first and may begin a track; objects below it may only continue one, so
    that an object that is half hidden for a moment keeps its number. The objects and tracks that are left are matched
    once more with larger boxes, after Yang et al., "Hard to Track Objects with Irregular Motions and Similar
    Appearances? Make It Easier by Buffering the Matching Space" (WACV 2023).

    A detector may find an object as two classes at once, or as another class in the next frame. It stays one track: a
    box begins no track where an object of another class is tracked, and a track whose class isn't found continues with
    an object of another class in its place. Two objects that have numbers keep them when they pass each other.

    Example:
        >>> import numpy as np
        >>> import edgetl
        >>> tracker = edgetl.Tracker()
        >>> for second, left in ((0.0, 10), (0.1, 14)):
        ...     boxes = np.array([[left, 20, left + 100, 220]], np.float32)
        ...     score, class_id = np.array([0.9], np.float32), np.array([0])
        ...     print(tracker(edgetl.Detections(boxes, score, class_id, ("bolt",), (640, 480)), second).track)
        [1]
        [1]

    Args:
        patience: time after which a track ends whose object isn't seen, s.
        misses: number of frames without the object before which a track doesn't end.
    """

    def __init__(self, patience: float = PATIENCE, misses: int = MISSES) -> None:
        self._patience = patience
        self._misses = misses
        self._next = 1
        self._at = 0.0
        # The M tracks, one a row; the boxes are xyxy in px, the speeds in px/s, the times in s.
        self._number: Integers = np.zeros(0, np.int64)
        self._class: Integers = np.zeros(0, np.int64)
        self._box: Doubles = np.zeros((0, 4))
        self._speed: Doubles = np.zeros((0, 2))
        self._seen: Doubles = np.zeros(0)
        self._hits: Integers = np.zeros(0, np.int64)
        self._missed: Integers = np.zeros(0, np.int64)

    @property
    def numbers(self) -> frozenset[int]:
        """The numbers of the tracks that haven't ended, whether their objects were seen in the last frame or not."""
        return frozenset(self._number.tolist())

    def __call__(self, found: Detections, at: float, sure: Mask | None = None) -> Detections:
        """Tracks the objects of the next frame.

        Args:
            found: the N objects in the frame, best first.
            at: time at which the frame was taken, s.
            sure: whether each object reaches its threshold, (N,) bool; None means that all do.

        Returns:
            The objects that are sure or continue a track, in their order, with `track`. The second boxes of objects
            that are found as two classes are left out.
        """
        sure = np.ones(len(found), np.bool_) if sure is None else sure
        self._at = max(at, self._at)
        boxes = found.xyxy.astype(np.float64)
        owner = self._match(boxes, found.class_id, sure)
        born = _first_boxes(boxes, found.class_id, owner, sure)
        self._continue(boxes, found.class_id, owner)
        owner[born] = np.arange(len(born)) + len(self._number)
        self._begin(boxes[born], found.class_id[born])
        track = np.where(owner == _NO_TRACK, 0, self._number[owner] if len(self._number) else 0)
        self._end()
        rows = np.flatnonzero(owner != _NO_TRACK)
        tracked = replace(found, track=track)
        return tracked if len(rows) == len(found) else tracked.take(rows)

    def _match(self, boxes: Doubles, class_id: Integers, sure: Mask) -> Integers:
        """Returns the row of each object's track, (N,) int64; `_NO_TRACK` for an object without one."""
        owner = np.full(len(boxes), _NO_TRACK, np.int64)
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
        left = (sure & (owner == _NO_TRACK))[:, None] & recent & same
        if left.any():
            _assign(owner, np.where(left, iou(_grown(boxes), _grown(expected)), 0.0), SURE_IOU)
        if (other := (sure & (owner == _NO_TRACK))[:, None] & recent & ~same).any():
            _assign(owner, np.where(other, iou(boxes, expected), 0.0), UNSURE_IOU)
        return owner

    def _continue(self, boxes: Doubles, class_id: Integers, owner: Integers) -> None:
        """Updates the tracks whose objects were found, and counts the missed frames of the others."""
        self._missed += 1
        objects = np.flatnonzero(owner != _NO_TRACK)
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

    def _begin(self, boxes: Doubles, class_id: Integers) -> None:
        """Begins a track for each box."""
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

    def _end(self) -> None:
        """Ends the tracks whose objects were missed for too long."""
        keep = (self._missed <= self._misses) | (self._at - self._seen <= self._patience)
        if keep.all():
            return
        self._number, self._class, self._box = self._number[keep], self._class[keep], self._box[keep]
        self._speed, self._seen = self._speed[keep], self._seen[keep]
        self._hits, self._missed = self._hits[keep], self._missed[keep]


def _first_boxes(boxes: Doubles, class_id: Integers, owner: Integers, sure: Mask) -> list[int]:
    """Returns the positions of the boxes that begin a track, which are boxes of no object that is already tracked.

    If a box of a tracked object has a better score than the one that continues the track, it continues the track in
    its place.

    Args:
        boxes: (N, 4) float64 boxes, left, top, right, bottom, px, best first.
        class_id: the boxes' classes, (N,) int64.
        owner: rows of the boxes' tracks, (N,) int64, `_NO_TRACK` for none; changed in place.
        sure: whether each box reaches its threshold, (N,) bool.
    """
    first: list[int] = []
    unowned = np.flatnonzero(sure & (owner == _NO_TRACK)).tolist()
    if not unowned:
        return first
    double = (iou(boxes, boxes) >= SAME_PLACE) & (class_id[:, None] != class_id)
    taken = owner != _NO_TRACK
    for i in unowned:
        others = np.flatnonzero(double[i] & taken)
        if not len(others):
            first.append(i)
            taken[i] = True
        elif others[0] > i:
            owner[i], owner[others[0]] = owner[others[0]], _NO_TRACK
            taken[i], taken[others[0]] = True, False
    return first


def _assign(owner: Integers, overlap: Doubles, min_overlap: float) -> None:
    """Gives objects the tracks with which they overlap most, the best pairs first.

    Args:
        owner: rows of the objects' tracks, (N,) int64; changed in place for objects that have `_NO_TRACK`.
        overlap: overlap of each object with each track, (N, M) float64, 0..1; that of objects and tracks which are
            already assigned doesn't count.
        min_overlap: smallest overlap of a pair, 0..1.
    """
    objects, rows = np.nonzero(overlap >= min_overlap)
    order = np.argsort(-overlap[objects, rows], kind="stable")
    taken = set(owner[owner != _NO_TRACK].tolist())
    for i, row in _pairs(objects[order], rows[order]):
        if owner[i] == _NO_TRACK and row not in taken:
            owner[i] = row
            taken.add(row)


def _pairs(objects: Rows, rows: Rows) -> Iterable[tuple[int, int]]:
    return zip(objects.tolist(), rows.tolist(), strict=True)


def _centres(boxes: Doubles) -> Doubles:
    return (boxes[:, :2] + boxes[:, 2:]) / 2


def _grown(boxes: Doubles) -> Doubles:
    reach = (boxes[:, 2:] - boxes[:, :2]) * _GROWTH / 2
    return np.concatenate((boxes[:, :2] - reach, boxes[:, 2:] + reach), axis=1)
