"""Values of options that have a unit."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    _Type = click.ParamType[float]
else:
    _Type = click.ParamType  # earlier versions of click have no parameter for it
_SECONDS = {"ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}


class Duration(_Type):
    """`500ms`, `5s`, `5m`, `1h`, or plain seconds; above 0."""

    name = "duration"

    def convert(self, value: str | float, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Returns seconds."""
        if isinstance(value, int | float):
            return float(value)
        number = value.strip().rstrip("msh")
        unit = value.strip()[len(number) :] or "s"
        try:
            seconds = float(number) * _SECONDS[unit]
        except (ValueError, KeyError):
            seconds = math.nan
        if not 0 < seconds < math.inf:
            self.fail(f"{value!r} is no duration: write 500ms, 5s, 5m or 1h", param, ctx)
        return seconds


class Share(_Type):
    """`10%`, or the same as 0.1; 0 or above."""

    name = "share"

    def convert(self, value: str | float, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Returns 0.1 for `10%`."""
        if isinstance(value, int | float):
            return float(value)
        text = value.strip()
        try:
            share = float(text[:-1]) / 100 if text.endswith("%") else float(text)
        except ValueError:
            share = math.nan
        if not 0 <= share < math.inf:
            self.fail(f"{value!r} is no share: write 10% or 0.1", param, ctx)
        return share
