"""Draws the data curves of several ways of training: a figure against the number of training photos, with intervals."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, NullLocator, PercentFormatter

from edgetl.host.report.curve_figures import SERIES
from edgetl.host.report.svg_figure import LINE, figure_style, remove_frame, shortened, to_svg

_APART = 1.025
"""Points of several curves with the same number of photos are drawn beside each other, by this factor."""


@dataclass(frozen=True, slots=True)
class WayCurve:
    """The data curve of one way of training.

    Attributes:
        name: the name of the way.
        photos: the number of training photos a class of each point, in ascending order.
        values: the figure of each point, 0..1.
        intervals: the lower and the upper end of the interval of each point, 0..1.
    """

    name: str
    photos: Sequence[float]
    values: Sequence[float]
    intervals: Sequence[tuple[float, float]]


def way_curves(curves: Sequence[WayCurve], label: str) -> Markup:
    """Draws data curves over a logarithmic number of photos, with a legend beside them.

    Args:
        curves: the curves, at least one.
        label: the label of the vertical axis.
    """
    with figure_style():
        figure = Figure(figsize=(7.4, 4.0), layout="constrained")
        axes = figure.add_subplot()
        handles = []
        for place, curve in enumerate(curves):
            color = SERIES[place % len(SERIES)]
            x = [photos * _APART ** (place - (len(curves) - 1) / 2) for photos in curve.photos]
            ends = list(zip(curve.values, curve.intervals, strict=True))
            reach = ([max(0.0, v - low) for v, (low, _) in ends], [max(0.0, high - v) for v, (_, high) in ends])
            axes.errorbar(x, curve.values, reach, color=color, linewidth=1.1, fmt="none", capsize=2.5)
            handles += axes.plot(x, curve.values, color=color, linewidth=1.8, marker="o", markersize=4)
        # The mark comes first, because Matplotlib leaves out a name that begins with an underscore.
        names = [f" {shortened(curve.name)}" for curve in curves]
        figure.legend(handles, names, loc="outside right upper", frameon=False, handlelength=1.4, fontsize=8.5)
        remove_frame(axes)
        axes.grid(axis="y", color=LINE, linewidth=0.8)
        axes.set_xscale("log")
        ticks = sorted({photos for curve in curves for photos in curve.photos})
        axes.xaxis.set_major_locator(FixedLocator(ticks))
        axes.xaxis.set_minor_locator(NullLocator())
        axes.set_xticks(ticks, [f"{tick:,.0f}" for tick in ticks])
        axes.yaxis.set_major_formatter(PercentFormatter(1.0))
        axes.set(xlabel="training photos a class", ylabel=label)
        axes.set_ylim(bottom=0)
        return to_svg(figure, f"{label} over the number of training photos")
