"""Types of options whose values have a unit."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    _Type = click.ParamType[float]
    _PairType = click.ParamType[tuple[int, int]]
    _CountType = click.ParamType[int]
else:
    _Type = _PairType = _CountType = click.ParamType  # earlier versions of click have no parameter for it
_BYTES = {"": 1.0, "B": 1.0, "KB": 1e3, "MB": 1e6, "GB": 1e9, "TB": 1e12}
_SECONDS = {"ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}


class Duration(_Type):
    """A duration above 0: `500ms`, `5s`, `5m`, `1h`, or plain seconds.

    Args:
        zero: whether 0 is allowed.
    """

    name = "duration"

    def __init__(self, *, zero: bool = False) -> None:
        self._zero = zero

    def convert(self, value: str | float, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Returns the duration in seconds."""
        if isinstance(value, int | float):
            return float(value)
        number = value.strip().rstrip("msh")
        unit = value.strip()[len(number) :] or "s"
        try:
            seconds = float(number) * _SECONDS[unit]
        except (ValueError, KeyError):
            seconds = math.nan
        if not (0 < seconds < math.inf or (seconds == 0 and self._zero)):
            self.fail(f"{value!r} is not a duration: write 500ms, 5s, 5m or 1h", param, ctx)
        return seconds


class Share(_Type):
    """A share of at least 0: `10%`, or the same as `0.1`."""

    name = "share"

    def convert(self, value: str | float, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Returns the share as a number, for example 0.1 for `10%`."""
        if isinstance(value, int | float):
            return float(value)
        text = value.strip()
        try:
            share = float(text[:-1]) / 100 if text.endswith("%") else float(text)
        except ValueError:
            share = math.nan
        if not 0 <= share < math.inf:
            self.fail(f"{value!r} is not a share: write 10% or 0.1", param, ctx)
        return share


class Resolution(_PairType):
    """The width and height of a picture, px: `1280x720`."""

    name = "resolution"

    def convert(
        self, value: str | tuple[int, int], param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[int, int]:
        """Returns (width, height), px."""
        if isinstance(value, tuple):
            return value
        width, _, height = value.strip().lower().partition("x")
        if not (_is_length(width) and _is_length(height)):
            self.fail(f"{value[:40]!r} is not the size of a picture: write 1280x720", param, ctx)
        return int(width), int(height)


def _is_length(text: str) -> bool:
    """Returns whether a text is a number of pixels, 1 to 99,999."""
    return text.isdecimal() and len(text) <= 5 and int(text) > 0


class Size(_CountType):
    """An amount of data: `2GB`, `500MB`, `1TB`, or plain bytes; a GB is 1,000 MB."""

    name = "size"

    def convert(self, value: str | int, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Returns the number of bytes."""
        if isinstance(value, int):
            return value
        text = value.strip().upper()
        number = text.rstrip("KMGTB")
        try:
            size = float(number) * _BYTES[text[len(number) :]]
        except (ValueError, KeyError):
            size = math.nan
        if not 0 < size < math.inf:
            self.fail(f"{value!r} is not an amount of data: write 500MB or 2GB", param, ctx)
        return round(size)
