"""Defines zones and lines in the picture, and reads them from the command line's text."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from edgetl.argument_types import convert_fields, text_argument
from edgetl.errors import UsageError


@dataclass(frozen=True, slots=True)
class Zone:
    """A polygon in the picture.

    Example:
        >>> import edgetl
        >>> edgetl.Zone.parse("door=0.1,0.1,0.4,0.1,0.4,0.9").points
        ((0.1, 0.1), (0.4, 0.1), (0.4, 0.9))

    Attributes:
        name: name of the zone.
        points: corners in order, (x, y) in shares of the picture's width and height, 0..1; the last corner is joined
            with the first.

    Raises:
        UsageError: there are fewer than three corners, or a number is out of range.
    """

    name: str
    points: tuple[tuple[float, float], ...]

    def __post_init__(self) -> None:
        convert_fields(self)
        _check(self.name, self.points)
        x, y = np.array(self.points).T if len(self.points) > 2 else (np.zeros(1), np.zeros(1))
        if abs(np.dot(x, np.roll(y, -1)) - np.dot(y, np.roll(x, -1))) < 1e-9:
            what = "a zone needs three or more corners that don't lie on a line"
            raise UsageError(what, where=self.name, remedy=_ZONE)

    @classmethod
    def parse(cls, text: str) -> Zone:
        """Reads a zone from a text such as `door=0.1,0.1,0.4,0.1,0.4,0.9`.

        Args:
            text: the name and the corners, as `NAME=x,y,x,y,x,y…`.

        Raises:
            UsageError: the text has another form.
        """
        return cls(*_parse(text, _ZONE))


@dataclass(frozen=True, slots=True)
class Line:
    """A line across which objects are counted.

    Example:
        >>> import edgetl
        >>> edgetl.Line.parse("belt=0.5,0,0.5,1").points
        ((0.5, 0.0), (0.5, 1.0))

    Attributes:
        name: name of the line.
        points: the two ends, (x, y) in shares of the picture's width and height, 0..1; seen from the first end to the
            second, an object that crosses from left to right goes `in`.

    Raises:
        UsageError: there are not two different ends, or a number is out of range.
    """

    name: str
    points: tuple[tuple[float, float], ...]

    def __post_init__(self) -> None:
        convert_fields(self)
        _check(self.name, self.points)
        if len(self.points) != 2 or self.points[0] == self.points[1]:
            raise UsageError("a line needs two different ends", where=self.name, remedy=_LINE)

    @classmethod
    def parse(cls, text: str) -> Line:
        """Reads a line from a text such as `belt=0.5,0,0.5,1`.

        Args:
            text: the name and the two ends, as `NAME=x1,y1,x2,y2`.

        Raises:
            UsageError: the text has another form.
        """
        return cls(*_parse(text, _LINE))


_ZONE = "write it as --zone NAME=x,y,x,y,x,y with shares of the width and the height, say door=0.1,0.1,0.4,0.1,0.4,0.9"
_LINE = "write it as --count NAME=x1,y1,x2,y2 with shares of the width and the height, say belt=0.5,0,0.5,1"


def _parse(text: str, remedy: str) -> tuple[str, tuple[tuple[float, float], ...]]:
    name, _, numbers = text_argument(text, "text").partition("=")
    try:
        values = [float(number) for number in numbers.split(",")]
    except ValueError:
        values = []
    if not name.strip() or not values or len(values) % 2:
        raise UsageError(f"{text!r} is not a name followed by pairs of numbers", remedy=remedy)
    return name.strip(), tuple(zip(values[::2], values[1::2], strict=True))


def _check(name: str, points: Sequence[tuple[float, float]]) -> None:
    for number in (number for point in points for number in point):
        if not 0 <= number <= 1:
            remedy = "divide pixels by the picture's width or height"
            raise UsageError(f"{number:g} is not a share of the picture, 0 to 1", where=name, remedy=remedy)
