"""Zones and lines in the picture: which objects are inside, which cross."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from edgetl.errors import UsageError
from edgetl.vision.results import Detections

Direction = Literal["in", "out"]
Points = NDArray[np.float64]

MARGIN = 0.015
"""How far past an edge an object's centre must be before it counts, as a share of the picture's shorter side: boxes
tremble."""


@dataclass(frozen=True, slots=True)
class Zone:
    """A part of the picture with straight edges.

    Attributes:
        name: of it.
        points: its corners in turn, (x, y) in shares of the picture's width and height, 0..1; the last is joined with
            the first.

    Raises:
        UsageError: fewer than three corners, or a number out of its range.
    """

    name: str
    points: tuple[tuple[float, float], ...]

    def __post_init__(self) -> None:
        _check(self.name, self.points)
        x, y = np.array(self.points).T if len(self.points) > 2 else (np.zeros(1), np.zeros(1))
        if abs(np.dot(x, np.roll(y, -1)) - np.dot(y, np.roll(x, -1))) < 1e-9:
            what = "a zone wants three corners or more that don't lie on a line"
            raise UsageError(what, where=self.name, remedy=_ZONE)

    @classmethod
    def parse(cls, text: str) -> Zone:
        """Reads `NAME=x,y,x,y,x,y…`.

        Raises:
            UsageError: it isn't such.
        """
        return cls(*_parse(text, _ZONE))


@dataclass(frozen=True, slots=True)
class Line:
    """A line across which objects are counted.

    Attributes:
        name: of it.
        points: its two ends, (x, y) in shares of the picture's width and height, 0..1. Looking from the first to the
            second, what crosses from left to right comes `in`.

    Raises:
        UsageError: not two ends, or a number out of its range.
    """

    name: str
    points: tuple[tuple[float, float], ...]

    def __post_init__(self) -> None:
        _check(self.name, self.points)
        if len(self.points) != 2 or self.points[0] == self.points[1]:
            raise UsageError("a line wants two ends", where=self.name, remedy=_LINE)

    @classmethod
    def parse(cls, text: str) -> Line:
        """Reads `NAME=x1,y1,x2,y2`.

        Raises:
            UsageError: it isn't such.
        """
        return cls(*_parse(text, _LINE))


_ZONE = "write it as --zone NAME=x,y,x,y,x,y with shares of the width and the height, say door=0.1,0.1,0.4,0.1,0.4,0.9"
_LINE = "write it as --count NAME=x1,y1,x2,y2 with shares of the width and the height, say belt=0.5,0,0.5,1"


def _parse(text: str, remedy: str) -> tuple[str, tuple[tuple[float, float], ...]]:
    name, _, numbers = text.partition("=")
    try:
        values = [float(number) for number in numbers.split(",")]
    except ValueError:
        values = []
    if not name.strip() or not values or len(values) % 2:
        raise UsageError(f"{text!r} is no name with pairs of numbers", remedy=remedy)
    return name.strip(), tuple(zip(values[::2], values[1::2], strict=True))


def _check(name: str, points: Sequence[tuple[float, float]]) -> None:
    for number in (number for point in points for number in point):
        if not 0 <= number <= 1:
            remedy = "divide pixels by the picture's width or height"
            raise UsageError(f"{number:g} is not a share of the picture, 0 to 1", where=name, remedy=remedy)


class ZoneWatch:
    """Says which objects enter and leave a zone: those whose box's centre is in it.

    An object that is first seen in the zone enters it then, one that is gone has left it. An object must be past the
    edge by `MARGIN` to change sides.

    Args:
        zone: to watch.
    """

    def __init__(self, zone: Zone) -> None:
        self.zone = zone
        self._inside: set[int] = set()

    def __call__(self, found: Detections, followed: Collection[int]) -> tuple[list[int], list[int]]:
        """Looks at the objects of the next frame.

        Args:
            found: with `track`.
            followed: the numbers of those that are followed, seen in this frame or not.

        Returns:
            The tracks of the objects that have entered, and of those that have left, the vanished ones among them.
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
        left += sorted(number for number in self._inside if number not in followed)
        self._inside = (self._inside | set(entered)) - set(left)
        return entered, left


class LineCount:
    """Counts the objects whose box's centre crosses a line between its ends.

    An object that trembles on the line counts once: it must get past it by `MARGIN`, and back by as much before it can
    count again.

    Args:
        line: to watch.

    Attributes:
        counts: crossings so far by the class's label and the direction.
        passed: crossings so far, in and out.
    """

    def __init__(self, line: Line) -> None:
        self.line = line
        self.counts: Counter[tuple[str, Direction]] = Counter()
        self.passed = (0, 0)
        self._last: dict[int, tuple[float, float, bool]] = {}

    def __call__(self, found: Detections, followed: Collection[int]) -> list[tuple[int, Direction]]:
        """Looks at the objects of the next frame.

        Args:
            found: with `track`.
            followed: the numbers of those that are followed, seen in this frame or not.

        Returns:
            (track, direction) of those that have crossed.
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
        self._last = {number: last for number, last in self._last.items() if number in followed}
        return crossed

    def __str__(self) -> str:
        told = []
        for direction, total in zip(("in", "out"), self.passed, strict=True):
            counts = [(label, count) for (label, way), count in self.counts.items() if way == direction]
            rows = sorted(counts, key=lambda row: (-row[1], row[0]))
            classes = ", ".join(f"{count} {label}" for label, count in rows)
            told.append(f"{total} {direction}" + (f" ({classes})" if rows else ""))
        return f"{self.line.name}: {', '.join(told)}"

    def _between_ends(self, before: tuple[float, float], now: tuple[float, float]) -> bool:
        """Says whether the way of an object that has changed sides leads across the line, not past its ends."""
        start, way = np.array(before), np.subtract(now, before)
        sides = _cross(way, np.array(self.line.points) - start)
        return bool(sides[0] * sides[1] <= 0)


def centres(found: Detections) -> Points:
    """Returns (N, 2) centres x, y of the objects' boxes, px."""
    boxes = found.xyxy.astype(np.float64)
    return (boxes[:, :2] + boxes[:, 2:]) / 2


def contains(corners: Points, points: Points) -> NDArray[np.bool_]:
    """Says which of (N, 2) points are within a polygon of (K, 2) corners; by the even-odd rule."""
    (x1, y1), (x2, y2) = corners.T, np.roll(corners, -1, axis=0).T
    x, y = points[:, :1], points[:, 1:]
    spans = (y1 > y) != (y2 > y)
    rise = np.where(y2 == y1, 1.0, y2 - y1)
    meets = x < x1 + (y - y1) / rise * (x2 - x1)
    return np.asarray((spans & meets).sum(axis=1) % 2 == 1)


def distance(points: Points, starts: Points, ends: Points) -> Points:
    """Returns (N,) distances of (N, 2) points from the nearest of K edges, (K, 2) starts to (K, 2) ends."""
    along = ends - starts
    lengths = np.maximum((along**2).sum(axis=1), 1e-12)
    offset = points[:, None] - starts
    share = ((offset * along).sum(axis=2) / lengths).clip(0, 1)
    apart = offset - share[..., None] * along
    return np.asarray(np.sqrt((apart**2).sum(axis=2)).min(axis=1))


def _cross(a: Points, b: Points) -> Points:
    """The z of the cross products of (2,) with (N, 2): positive where b is to the right of a, y going down."""
    return np.asarray(a[0] * b[:, 1] - a[1] * b[:, 0])


def _tracks(found: Detections) -> list[int]:
    return [] if found.track is None else found.track.tolist()
