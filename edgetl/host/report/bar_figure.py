"""Draws horizontal bars for a report."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from markupsafe import Markup
from matplotlib.figure import Figure

from edgetl.host.report.svg_figure import ACCENT, INK, MUTED, SECOND, figure_style, remove_frame, shortened, to_svg


def bars(names: Sequence[str], values: Sequence[float], texts: Sequence[str], strong: int, title: str) -> Markup:
    """Draws one horizontal bar for each name, beginning at zero.

    Args:
        names: the N names, from top to bottom.
        values: the N lengths of the bars, at least 0 in any unit; NaN draws none.
        texts: the N values as text, written at the ends of the bars.
        strong: the index of the bar in the accent colour.
        title: the name of the measured quantity.
    """
    with figure_style():
        figure = Figure(figsize=(3.5, 0.75 + 0.34 * len(names)), layout="constrained")
        axes = figure.add_subplot()
        lengths = np.nan_to_num(np.asarray(values, np.float64))
        colors = [ACCENT if index == strong else SECOND for index in range(len(names))]
        drawn = axes.barh(np.arange(len(names)), lengths, height=0.62, color=colors)
        axes.bar_label(drawn, texts, padding=4, color=INK)
        axes.set_xlim(0, float(lengths.max(initial=0)) * 1.3 or 1)
        axes.set_yticks(range(len(names)), [shortened(name) for name in names], color=INK)
        axes.set_xticks([])
        axes.invert_yaxis()
        axes.set_title(title, loc="left", color=MUTED, fontsize=9)
        remove_frame(axes)
        axes.spines.bottom.set_visible(False)
        return to_svg(figure, title)
