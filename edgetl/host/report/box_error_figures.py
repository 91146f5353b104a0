"""Draws how exactly a detector places its boxes: mAP against the IoU that is required, and the errors of each edge."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from markupsafe import Markup
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from edgetl.host.evaluate.box_errors import EDGES, BoxErrors
from edgetl.host.report.svg_figure import ACCENT, INK, LINE, MUTED, SECOND, figure_style, remove_frame, to_svg
from edgetl.vision.arrays import Doubles

_SIZE = (4.7, 2.8)
"""Width and height of a figure, inches."""

_SHARES = (5, 25, 50, 75, 95)
"""The percentiles that a box of the error figure shows: whisker, box, median, box, whisker."""


def iou_curve(validation: Mapping[float, float], training: Mapping[float, float] | None) -> Markup:
    """Draws mAP against the IoU from which on a found box counts as right.

    Args:
        validation: the mAP on the validation photos at each IoU, both 0..1.
        training: the mAP on training photos; None draws none.
    """
    with figure_style():
        figure = Figure(figsize=_SIZE, layout="constrained")
        axes = figure.add_subplot()
        if training:
            axes.plot(list(training), list(training.values()), color=SECOND, linewidth=1.8, marker="o", markersize=3)
        axes.plot(list(validation), list(validation.values()), color=ACCENT, linewidth=1.8, marker="o", markersize=3)
        remove_frame(axes)
        axes.grid(color=LINE, linewidth=0.8)
        axes.set(xlim=(0.49, 0.96), ylim=(0, 1.02), xlabel="IoU that is required", ylabel="mAP")
        axes.set_xticks(list(validation)[::2])
        for axis in (axes.xaxis, axes.yaxis):
            axis.set_major_formatter(PercentFormatter(1.0, decimals=0))
        return to_svg(figure, "mAP against the IoU that is required")


def edge_boxes(validation: BoxErrors, training: BoxErrors | None) -> Markup:
    """Draws the signed errors of each edge as boxes with whiskers, px of the model's input.

    Args:
        validation: the errors on the validation photos.
        training: the errors on training photos; None draws none.
    """
    with figure_style():
        figure = Figure(figsize=_SIZE, layout="constrained")
        axes = figure.add_subplot()
        axes.axhline(0, color=MUTED, linewidth=0.9)
        places = np.arange(len(EDGES), dtype=np.float64)
        if training and len(training.signed):
            _draw(axes, training.signed, places + 0.19, SECOND)
            places -= 0.19
        if len(validation.signed):
            _draw(axes, validation.signed, places, ACCENT)
        remove_frame(axes)
        axes.grid(axis="y", color=LINE, linewidth=0.8)
        axes.set_xticks(range(len(EDGES)), EDGES, color=INK)
        axes.set_xlim(-0.6, len(EDGES) - 0.4)
        axes.set_ylabel("px of the input")
        return to_svg(figure, "errors of the left, top, right and bottom edges")


def _draw(axes: Axes, signed: Doubles, places: Doubles, color: str) -> None:
    """Draws a box for each edge.

    Args:
        axes: the axes to draw on.
        signed: the signed errors of the edges of B boxes, (B, 4) float64, px.
        places: the horizontal position of each edge's box, (4,) float64.
        color: the colour.
    """
    names = ("whislo", "q1", "med", "q3", "whishi")
    cuts = np.percentile(signed, _SHARES, axis=0).T.tolist()
    stats = [dict(zip(names, row, strict=True)) for row in cuts]
    for row, mean in zip(stats, signed.mean(axis=0).tolist(), strict=True):
        row["mean"] = mean
    pen = {"color": color, "linewidth": 1.4}
    axes.bxp(
        stats,
        positions=places.tolist(),
        widths=0.32,
        showfliers=False,
        showmeans=True,
        boxprops=pen,
        whiskerprops=pen,
        capprops=pen,
        medianprops=pen | {"linewidth": 2.2},
        meanprops={"marker": "o", "markersize": 4.5, "markerfacecolor": color, "markeredgecolor": color},
    )
