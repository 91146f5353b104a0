"""Draws the curves of a report: figures over the epochs, and lines of several classes over the unit square."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from markupsafe import Markup
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, PercentFormatter

from edgetl.host.report.svg_figure import (
    ACCENT,
    INK,
    LINE,
    MUTED,
    SECOND,
    figure_style,
    remove_frame,
    shortened,
    to_svg,
)
from edgetl.text import counted
from edgetl.vision.arrays import Doubles

History = Sequence[Mapping[str, float | str]]
"""The history of a training: one row for each epoch, with values by name."""

SERIES = ("#4a70dc", "#d9822b", "#2f9e6e", "#d64a4a", "#9a5fd0", "#2a9bb5", "#9a8c1f", "#d1589f")
"""The colours of lines; they are mid-tones, which are legible on white and on near-black."""

MOST_LINES = len(SERIES)
"""A figure of several classes has at most this many lines, because each needs a colour of its own."""

_MOST_MARKED = 40
"""The points of a curve of more epochs than this are not marked, because the marks would touch."""


def best_epoch(history: History, measure: str) -> int | None:
    """Returns the index of the first epoch with the highest value of a measure; None if no epoch has it."""
    values = [_value(row, measure) for row in history]
    known = [index for index, value in enumerate(values) if not math.isnan(value)]
    return max(known, key=lambda index: values[index], default=None)


def _value(row: Mapping[str, float | str], measure: str) -> float:
    """Returns the value of an epoch; NaN if it was not measured, which is an empty cell in a CSV file."""
    value = row.get(measure, "")
    return float(value) if value != "" else math.nan


def epoch_curve(
    history: History, title: str, strong: str, faint: str, best: int | None, *, percent: bool = True
) -> Markup:
    """Draws one or two measures over the epochs of all stages.

    Args:
        history: one row for each epoch, at least one.
        title: the name of the figure.
        strong: the measure in the accent colour; an empty name draws none.
        faint: the other measure.
        best: the index of the epoch to mark; None marks none.
        percent: whether the values are shares, 0..1, which are written as percent.
    """
    with figure_style():
        figure = Figure(figsize=(4.7, 2.8), layout="constrained")
        axes = figure.add_subplot()
        for key, color in ((faint, SECOND), (strong, ACCENT)):
            values = [_value(row, key) for row in history]
            known = [index for index, value in enumerate(values) if not math.isnan(value)]
            marker = "o" if len(known) <= _MOST_MARKED else ""
            drawn = ([index + 1 for index in known], [values[index] for index in known])
            axes.plot(*drawn, color=color, linewidth=1.8, marker=marker, markersize=3, clip_on=False)
            if best is not None and color == ACCENT and best in known:
                axes.plot(best + 1, values[best], "o", ms=9, mfc="none", mec=ACCENT, mew=1.6, clip_on=False)
        _mark_stages(axes, [str(row.get("stage", "")) for row in history])
        remove_frame(axes)
        axes.grid(axis="y", color=LINE, linewidth=0.8)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
        axes.set_xlim(0.5, len(history) + 0.5)
        axes.yaxis.set_major_locator(MaxNLocator(nbins=6))
        axes.set_xlabel("epoch")
        if percent:
            axes.yaxis.set_major_formatter(PercentFormatter(1.0))
        return to_svg(figure, f"{title} over {counted(len(history), 'epoch')}")


def _mark_stages(axes: Axes, stages: Sequence[str]) -> None:
    """Draws a dashed line and the names of two stages at the end of each stage but the last."""
    for index in range(1, len(stages)):
        if stages[index] != stages[index - 1]:
            axes.axvline(index + 0.5, color=MUTED, linewidth=0.9, linestyle=(0, (3, 3)))
            for text, side, offset in ((stages[index - 1], "right", -5), (stages[index], "left", 5)):
                axes.annotate(
                    text,
                    (index + 0.5, 1.0),
                    (offset, 4),
                    xycoords=("data", "axes fraction"),
                    textcoords="offset points",
                    ha=side,
                    color=MUTED,
                    fontsize=8,
                )


@dataclass(frozen=True, slots=True)
class Line:
    """The line of one class in a figure of several.

    Attributes:
        name: the name of the class.
        value: the text before the name in the legend.
        x: the P horizontal coordinates, (P,) float64, rising, 0..1.
        y: the P vertical coordinates, (P,) float64, 0..1.
        mark: the point to mark; None marks none.
    """

    name: str
    value: str
    x: Doubles
    y: Doubles
    mark: tuple[float, float] | None = None


def class_lines(drawn: Sequence[Line], mean: Line | None, x: str, y: str, title: str) -> Markup:
    """Draws lines over the unit square, with a legend beside it.

    Args:
        drawn: the lines, at most `MOST_LINES`.
        mean: the mean of all classes, drawn dashed; None draws none.
        x: the label of the horizontal axis.
        y: the label of the vertical axis.
        title: the description for readers who can't see the figure.
    """
    with figure_style():
        figure = Figure(figsize=(5.2, 2.9), layout="constrained")
        axes = figure.add_subplot()
        pens: list[tuple[Line, str, float, object]] = [
            (line, color, 1.6, "-") for line, color in zip(drawn, SERIES, strict=False)
        ]
        pens += [(mean, INK, 2.2, (0, (4, 2)))] if mean else []
        handles = []
        for line, color, width, dashes in pens:
            handles += axes.plot(line.x, line.y, color=color, linewidth=width, linestyle=dashes, clip_on=False)
            if line.mark:
                axes.plot(*line.mark, "o", ms=5.5, color=color, clip_on=False)
        # The value comes first, because Matplotlib leaves out a name that begins with an underscore.
        names = [f"{line.value}  {shortened(line.name)}" for line, *_ in pens]
        figure.legend(handles, names, loc="outside right upper", frameon=False, handlelength=1.4, fontsize=8.5)
        remove_frame(axes)
        axes.grid(color=LINE, linewidth=0.8)
        axes.set(xlim=(0, 1), ylim=(0, 1.02), xlabel=x, ylabel=y)
        axes.yaxis.set_major_formatter(PercentFormatter(1.0))
        return to_svg(figure, title)
