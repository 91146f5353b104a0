"""The reports' figures, as SVG that takes its colours and its typeface from the page around it.

Matplotlib draws in placeholder colours, which become CSS variables: one figure then fits light, dark and paper.
"""

from __future__ import annotations

import io
import math
import re
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import matplotlib as mpl
import numpy as np
from markupsafe import Markup
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, PercentFormatter
from numpy.typing import NDArray

History = Sequence[Mapping[str, float | str]]
Floats = NDArray[np.float64]

# Placeholder colours, and the page's variables that take their place.
INK, MUTED, LINE, ACCENT, SECOND, SURFACE = "#010203", "#010204", "#010205", "#010206", "#010207", "#010208"
_VARIABLES = {INK: "ink", MUTED: "muted", LINE: "line", ACCENT: "accent", SECOND: "second", SURFACE: "surface"}
# Mid-tones, which are legible on white and on near-black; RGB.
_RIGHT, _WRONG, _EMPTY = (74, 112, 220), (214, 74, 74), (128, 136, 150)
_SERIES = ("#4a70dc", "#d9822b", "#2f9e6e", "#d64a4a", "#9a5fd0", "#2a9bb5", "#9a8c1f", "#d1589f")
_STYLE = {
    "svg.fonttype": "none",  # text stays text: selectable, searchable, in the page's typeface
    "svg.hashsalt": "edgetl",
    "font.family": "DejaVu Sans",
    "font.size": 9,
    "text.color": INK,
    "axes.labelcolor": MUTED,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "text.parse_math": False,
}
_ANNOTATED_CLASSES = 40
_LABEL_LENGTH = 24


def best_epoch(history: History, measure: str) -> int | None:
    """Returns the index of the row in which a measure is highest, the first of equals; None where none has it."""
    values = [_value(row, measure) for row in history]
    known = [index for index, value in enumerate(values) if not math.isnan(value)]
    return max(known, key=lambda index: values[index], default=None)


def _value(row: Mapping[str, float | str], measure: str) -> float:
    """Of an epoch; NaN where it wasn't measured, which a CSV file has as an empty cell."""
    value = row.get(measure, "")
    return float(value) if value != "" else math.nan


def curve(history: History, title: str, strong: str, faint: str, best: int | None) -> Markup:
    """Draws one or two measures over the epochs of all stages.

    Args:
        history: one row for each epoch, at least one.
        title: what is drawn; all but a `loss` are shares.
        strong: the measure that the accent is on; empty draws none.
        faint: the other measure.
        best: index of the row to mark.
    """
    with mpl.rc_context(_STYLE):
        figure = Figure(figsize=(4.7, 2.8), layout="constrained")
        axes = figure.add_subplot()
        for key, color in ((faint, SECOND), (strong, ACCENT)):
            values = [_value(row, key) for row in history]
            known = [index for index, value in enumerate(values) if not math.isnan(value)]
            marker = "o" if len(known) <= 40 else ""
            drawn = ([index + 1 for index in known], [values[index] for index in known])
            axes.plot(*drawn, color=color, linewidth=1.8, marker=marker, markersize=3, clip_on=False)
            if best is not None and color == ACCENT and best in known:
                axes.plot(best + 1, values[best], "o", ms=9, mfc="none", mec=ACCENT, mew=1.6, clip_on=False)
        _mark_stages(axes, [str(row.get("stage", "")) for row in history])
        _quiet(axes)
        axes.grid(axis="y", color=LINE, linewidth=0.8)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
        axes.set_xlim(0.5, len(history) + 0.5)
        axes.yaxis.set_major_locator(MaxNLocator(nbins=6))
        axes.set_xlabel("epoch")
        if title != "loss":
            axes.yaxis.set_major_formatter(PercentFormatter(1.0))
        return _svg(figure, f"{title} over {len(history)} epochs")


def _mark_stages(axes: Axes, stages: Sequence[str]) -> None:
    """Puts a dashed line and the stages' names where one stage ends and the next begins."""
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


MOST_LINES = len(_SERIES)
"""How many lines a picture of several classes can have at most: as many as there are colours to tell them by."""


@dataclass(frozen=True, slots=True)
class Line:
    """A class's line in a picture of several.

    Attributes:
        name: for the legend.
        value: what the legend says of it.
        x: (P,) rising, 0..1.
        y: (P,) 0..1.
        mark: the point to mark.
    """

    name: str
    value: str
    x: Floats
    y: Floats
    mark: tuple[float, float] | None = None


def lines(drawn: Sequence[Line], mean: Line | None, x: str, y: str, title: str) -> Markup:
    """Draws lines over the unit square, with a legend beside it.

    Args:
        drawn: at most `MOST_LINES`.
        mean: of them and maybe others; the same pen in any picture.
        x: what the horizontal axis measures.
        y: what the vertical axis measures.
        title: for readers who don't see.
    """
    with mpl.rc_context(_STYLE):
        figure = Figure(figsize=(5.2, 2.9), layout="constrained")
        axes = figure.add_subplot()
        pens: list[tuple[Line, str, float, object]] = [
            (line, color, 1.6, "-") for line, color in zip(drawn, _SERIES, strict=False)
        ]
        pens += [(mean, INK, 2.2, (0, (4, 2)))] if mean else []
        handles = []
        for line, color, width, dashes in pens:
            handles += axes.plot(line.x, line.y, color=color, linewidth=width, linestyle=dashes, clip_on=False)
            if line.mark:
                axes.plot(*line.mark, "o", ms=5.5, color=color, clip_on=False)
        # The value comes first: Matplotlib leaves out a name that begins with an underscore.
        names = [f"{line.value}  {_shortened(line.name)}" for line, *_ in pens]
        figure.legend(handles, names, loc="outside right upper", frameon=False, handlelength=1.4, fontsize=8.5)
        _quiet(axes)
        axes.grid(color=LINE, linewidth=0.8)
        axes.set(xlim=(0, 1), ylim=(0, 1.02), xlabel=x, ylabel=y)
        axes.yaxis.set_major_formatter(PercentFormatter(1.0))
        return _svg(figure, title)


def confusion_matrix(counts: NDArray[np.int64], labels: Sequence[str]) -> Markup:
    """Draws a heat map: a cell's shade is its share of its row, right ones blue and wrong ones red.

    Args:
        counts: (C, C); rows are the truth, columns what was said.
        labels: the C classes' names. Counts are written into the cells of up to 40 classes; with more, some
            labels are left out as well.
    """
    size = len(labels)
    cell = min(0.62, max(0.27, 4.6 / size)) if size <= _ANNOTATED_CLASSES else 8.6 / size
    margin = 0.9 + 0.075 * min(_LABEL_LENGTH, max(map(len, labels)))
    with mpl.rc_context({**_STYLE, "font.size": 9 if size <= 20 else 8}):
        figure = Figure(figsize=(size * cell + margin, size * cell + margin), layout="constrained")
        axes = figure.add_subplot()
        shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
        axes.imshow(_shades(shares), interpolation="none", aspect="equal")
        _name_cells(axes, labels)
        _quiet(axes)
        axes.spines.bottom.set_visible(False)
        if size <= _ANNOTATED_CLASSES:
            _annotate(axes, counts, shares, fontsize=10 if size <= 12 else 6.5)
            inner = np.arange(0.5, size - 1)
            for lines in (axes.hlines, axes.vlines):
                lines(inner, -0.5, size - 0.5, color=SURFACE, linewidth=1.5)
        return _svg(figure, f"confusion matrix of {size} classes")


def _shades(shares: NDArray[np.float64]) -> NDArray[np.uint8]:
    """(C, C) shares to (C, C, 4) RGBA whose opacity is the share; its root, so that rare mistakes show."""
    rgba = np.empty((*shares.shape, 4), np.uint8)
    rgba[..., :3] = _WRONG
    rgba[np.eye(len(shares), dtype=bool), :3] = _RIGHT
    rgba[..., 3] = 20 + 235 * np.sqrt(shares)
    rgba[shares == 0] = (*_EMPTY, 14)
    return rgba


def _name_cells(axes: Axes, labels: Sequence[str]) -> None:
    shown = range(0, len(labels), math.ceil(len(labels) / _ANNOTATED_CLASSES))
    names = [_shortened(labels[index]) for index in shown]
    slanted = len(labels) <= 12
    axes.set_xticks(shown, names, rotation=40 if slanted else 90, ha="right" if slanted else "center", color=INK)
    if slanted:
        for label in axes.get_xticklabels():
            label.set_rotation_mode("anchor")
    axes.set_yticks(shown, names, color=INK)
    axes.set_xlabel("recognised as")
    axes.set_ylabel("really is")


def _annotate(axes: Axes, counts: NDArray[np.int64], shares: NDArray[np.float64], fontsize: float) -> None:
    for row, column in zip(*counts.nonzero(), strict=True):
        strong = shares[row, column] > 0.3
        text = axes.text(
            column,
            row,
            str(counts[row, column]),
            ha="center",
            va="center_baseline",
            fontsize=fontsize,
            color="#ffffff" if strong else INK,
        )
        text.set_in_layout(False)  # it lies inside the cells; measuring each would take seconds


def bars(names: Sequence[str], values: Sequence[float], texts: Sequence[str], strong: int, title: str) -> Markup:
    """Draws one horizontal bar for each name, from zero.

    Args:
        names: N names, top to bottom.
        values: N lengths; NaN draws none.
        texts: N values as they are written at the bars' ends.
        strong: index of the bar to point out.
        title: what the bars measure.
    """
    with mpl.rc_context(_STYLE):
        figure = Figure(figsize=(3.5, 0.75 + 0.34 * len(names)), layout="constrained")
        axes = figure.add_subplot()
        lengths = np.nan_to_num(np.asarray(values, np.float64))
        colors = [ACCENT if index == strong else SECOND for index in range(len(names))]
        drawn = axes.barh(np.arange(len(names)), lengths, height=0.62, color=colors)
        axes.bar_label(drawn, texts, padding=4, color=INK)
        axes.set_xlim(0, float(lengths.max(initial=0)) * 1.3 or 1)
        axes.set_yticks(range(len(names)), [_shortened(name) for name in names], color=INK)
        axes.set_xticks([])
        axes.invert_yaxis()
        axes.set_title(title, loc="left", color=MUTED, fontsize=9)
        _quiet(axes)
        axes.spines.bottom.set_visible(False)
        return _svg(figure, title)


def _shortened(name: str) -> str:
    return name if len(name) <= _LABEL_LENGTH else f"{name[: _LABEL_LENGTH - 1]}…"


def _quiet(axes: Axes) -> None:
    axes.set_axisbelow(True)
    axes.tick_params(length=0, pad=5)
    axes.spines[["left", "right", "top"]].set_visible(False)
    axes.spines.bottom.set_color(LINE)


def _svg(figure: Figure, label: str) -> Markup:
    """The figure as an `<svg>` element for an HTML page: no prologue, no fixed size, no ids that could meet."""
    buffer = io.StringIO()
    with warnings.catch_warnings():
        # The browser has the glyphs that the font of the measuring lacks.
        warnings.filterwarnings("ignore", message=r"Glyph \d+ .* missing from")
        nothing = dict.fromkeys(("Date", "Creator", "Format", "Type"))
        figure.savefig(buffer, format="svg", transparent=True, metadata=nothing)
    drawing = buffer.getvalue()
    body = drawing[drawing.index(">", drawing.index("<svg")) + 1 :]
    body = re.sub(r"<metadata>.*?</metadata>|<style.*?</style>", "", body, flags=re.DOTALL)
    body = re.sub(r'<g id="[^"]*"', "<g", body)
    for color, variable in _VARIABLES.items():
        body = re.sub(rf"(fill|stroke): {color}", rf"\1: var(--{variable})", body)
    width, height = figure.get_size_inches() * 72  # pt, the SVG backend's unit
    start = Markup('<svg role="img" aria-label="{}" viewBox="0 0 {:g} {:g}" style="--natural: {:.0f}px">')
    return start.format(label, width, height, width * 96 / 72) + Markup(body)
