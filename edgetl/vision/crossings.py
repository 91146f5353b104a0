"""Reports the objects that enter and leave zones, and counts those that cross lines."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from typing import Literal

import numpy as np

from edgetl.vision.arrays import Doubles, Mask, Points
from edgetl.vision.results import Detections
from edgetl.vision.zones import Line, Zone

Direction = Literal["in", "out"]

MARGIN = 0.015
"""An object changes sides once its centre is this far past the edge, as a share of the picture's shorter side.

The margin is there because boxes tremble.
"""


class ZoneWatch:
    """Reports the objects that enter and leave a zone; an object is inside if its box's centre is.

    An object that is first seen in the zone enters it then, and one whose track ends has left it. An object changes
    sides once it is past the edge by `MARGIN`.

    Args:
        zone: the zone to watch.
    """

    def __init__(self, zone: Zone) -> None:
        self.zone = zone
        self._inside: set[int] = set()

    def __call__(self, found: Detections, tracked: Collection[int]) -> tuple[list[int], list[int]]:
        """Processes the objects of the next frame.

        Args:
            found: the objects, with `track`.
            tracked: numbers of all tracks that haven't ended, whether their objects are in this frame or not.

        Returns:
            The numbers of the objects that have entered, and of those that have left or whose track has ended.
        """
        size = np.array(found.size_wh, np.float64)
        corners, points = np.array(self.zone.points) * size, centres(found)
        inside = contains(corners, points)
        clear = distance(points, corners, np.roll(corners, -1, axis=0)) > MARGIN * size.min()
        entered: list[int] = []
        left: list[int] = []
        for number, within, sure in zip(_tracks(found), inside.tolist(), clear.tolist(), strict=True):
            if within == (number in self._inside) or not sure:
                continue
            (entered if within else left).append(number)
        left += sorted(number for number in self._inside if number not in tracked)
        self._inside = (self._inside | set(entered)) - set(left)
        return entered, left


class LineCount:
    """Counts the objects whose box's centre crosses a line between its ends.

    An object that trembles on the line counts once: it must get past the line by `MARGIN`, and back by as much, before
    it counts again.

    Args:
        line: the line to watch.

    Attributes:
        counts: number of crossings so far, by the class's label and the direction.
        passed: number of crossings so far, in and out.
    """

    def __init__(self, line: Line) -> None:
        self.line = line
        self.counts: Counter[tuple[str, Direction]] = Counter()
        self.passed = (0, 0)
        self._last: dict[int, tuple[float, float, bool]] = {}

    def __call__(self, found: Detections, tracked: Collection[int]) -> list[tuple[int, Direction]]:
        """Processes the objects of the next frame.

        Args:
            found: the objects, with `track`.
            tracked: numbers of all tracks that haven't ended, whether their objects are in this frame or not.

        Returns:
            The number and the direction of each object that has crossed.
        """
        size = np.array(found.size_wh, np.float64)
        ends, points = np.array(self.line.points) * size, centres(found)
        along = ends[1] - ends[0]
        aside = _cross(along, points - ends[0]) / max(float(np.hypot(*along)), 1e-9)
        crossed: list[tuple[int, Direction]] = []
        rows = zip(_tracks(found), found.labels, (points / size).tolist(), aside.tolist(), strict=True)
        for number, label, (x, y), off in rows:
            if abs(off) <= MARGIN * size.min():
                continue
            right, before = off > 0, self._last.get(number)
            self._last[number] = x, y, right
            if before and before[2] != right and self._between_ends(before[:2], (x, y)):
                direction: Direction = "in" if right else "out"
                self.counts[label, direction] += 1
                self.passed = (self.passed[0] + right, self.passed[1] + (not right))
                crossed.append((number, direction))
        self._last = {number: last for number, last in self._last.items() if number in tracked}
        return crossed

    def __str__(self) -> str:
        parts = []
        for direction, total in zip(("in", "out"), self.passed, strict=True):
            counts = [(label, count) for (label, towards), count in self.counts.items() if towards == direction]
            rows = sorted(counts, key=lambda row: (-row[1], row[0]))
            classes = ", ".join(f"{count} {label}" for label, count in rows)
            parts.append(f"{total} {direction}" + (f" ({classes})" if rows else ""))
        return f"{self.line.name}: {', '.join(parts)}"

    def _between_ends(self, before: tuple[float, float], now: tuple[float, float]) -> bool:
        """Says whether an object that has changed sides moved across the line, not past its ends."""
        start, movement = np.array(before), np.subtract(now, before)
        sides = _cross(movement, np.array(self.line.points) - start)
        return bool(sides[0] * sides[1] <= 0)


def centres(found: Detections) -> Points:
    """Returns the centres of the objects' boxes.

    Args:
        found: the N objects.

    Returns:
        Centres, (N, 2) float64 x, y, px of the frame.
    """
    boxes = found.xyxy.astype(np.float64)
    return (boxes[:, :2] + boxes[:, 2:]) / 2


def contains(corners: Points, points: Points) -> Mask:
    """Says which points are inside a polygon, by the even-odd rule.

    Args:
        corners: the polygon's corners in order, (K, 2) float64 x, y, px.
        points: the points, (N, 2) float64 x, y, px.

    Returns:
        Whether each point is inside, (N,) bool.
    """
    (x1, y1), (x2, y2) = corners.T, np.roll(corners, -1, axis=0).T
    x, y = points[:, :1], points[:, 1:]
    spans = (y1 > y) != (y2 > y)
    rise = np.where(y2 == y1, 1.0, y2 - y1)
    meets = x < x1 + (y - y1) / rise * (x2 - x1)
    return np.asarray((spans & meets).sum(axis=1) % 2 == 1)


def distance(points: Points, starts: Points, ends: Points) -> Doubles:
    """Returns the distances of points from the nearest of several edges.

    Args:
        points: the points, (N, 2) float64 x, y, px.
        starts: first ends of the edges, (K, 2) float64 x, y, px.
        ends: second ends of the edges, (K, 2) float64 x, y, px.

    Returns:
        Distances, (N,) float64, px.
    """
    along = ends - starts
    lengths = np.maximum((along**2).sum(axis=1), 1e-12)
    offset = points[:, None] - starts
    share = ((offset * along).sum(axis=2) / lengths).clip(0, 1)
    apart = offset - share[..., None] * along
    return np.asarray(np.sqrt((apart**2).sum(axis=2)).min(axis=1))


def _cross(a: Points, b: Points) -> Doubles:
    """Returns z of the cross products of (2,) with (N, 2) vectors: positive if b is to the right of a, y going down."""
    return np.asarray(a[0] * b[:, 1] - a[1] * b[:, 0])


def _tracks(found: Detections) -> list[int]:
    return [] if found.track is None else found.track.tolist()
