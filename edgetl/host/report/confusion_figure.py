"""Draws a confusion matrix as a heat map for a report."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from markupsafe import Markup
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from edgetl.host.report.svg_figure import INK, SURFACE, figure_style, remove_frame, shortened, to_svg
from edgetl.vision.arrays import Doubles, Integers

_RIGHT, _WRONG, _EMPTY = (74, 112, 220), (214, 74, 74), (128, 136, 150)
"""The RGB colours of right, wrong and empty cells: mid-tones, legible on white and on near-black."""

_ANNOTATED_CLASSES = 40
"""The cells of more classes than this are too small for counts, and some labels are left out."""

_SLANTED_CLASSES = 12
"""Up to this many classes, the labels below the matrix are slanted, else upright."""


def confusion_matrix(counts: Integers, labels: Sequence[str]) -> Markup:
    """Draws a heat map: the shade of a cell is its share of its row; right cells are blue and wrong ones red.

    Args:
        counts: the confusion matrix, (C, C) int64; rows are true classes, columns predicted ones.
        labels: the names of the C classes. Counts are written into the cells of up to 40 classes; with more classes,
            some labels are left out.
    """
    size = len(labels)
    cell = min(0.62, max(0.27, 4.6 / size)) if size <= _ANNOTATED_CLASSES else 8.6 / size
    margin = 0.9 + 0.075 * max(len(shortened(label)) for label in labels)
    with figure_style(9 if size <= 20 else 8):
        figure = Figure(figsize=(size * cell + margin, size * cell + margin), layout="constrained")
        axes = figure.add_subplot()
        shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
        axes.imshow(_shades(shares), interpolation="none", aspect="equal")
        _label_axes(axes, labels)
        remove_frame(axes)
        axes.spines.bottom.set_visible(False)
        if size <= _ANNOTATED_CLASSES:
            _write_counts(axes, counts, shares, fontsize=10 if size <= _SLANTED_CLASSES else 6.5)
            inner = np.arange(0.5, size - 1)
            for lines in (axes.hlines, axes.vlines):
                lines(inner, -0.5, size - 0.5, color=SURFACE, linewidth=1.5)
        return to_svg(figure, f"confusion matrix of {size} classes")


def _shades(shares: Doubles) -> NDArray[np.uint8]:
    """Returns the colours of cells, (C, C, 4) uint8 RGBA; the opacity is the root of the share, to show rare mistakes.

    Args:
        shares: the share of each cell in its row, (C, C) float64, 0..1.
    """
    rgba = np.empty((*shares.shape, 4), np.uint8)
    rgba[..., :3] = _WRONG
    rgba[np.eye(len(shares), dtype=bool), :3] = _RIGHT
    rgba[..., 3] = 20 + 235 * np.sqrt(shares)
    rgba[shares == 0] = (*_EMPTY, 14)
    return rgba


def _label_axes(axes: Axes, labels: Sequence[str]) -> None:
    shown = range(0, len(labels), math.ceil(len(labels) / _ANNOTATED_CLASSES))
    names = [shortened(labels[index]) for index in shown]
    slanted = len(labels) <= _SLANTED_CLASSES
    axes.set_xticks(shown, names, rotation=40 if slanted else 90, ha="right" if slanted else "center", color=INK)
    if slanted:
        for label in axes.get_xticklabels():
            label.set_rotation_mode("anchor")
    axes.set_yticks(shown, names, color=INK)
    axes.set_xlabel("predicted")
    axes.set_ylabel("true")


def _write_counts(axes: Axes, counts: Integers, shares: Doubles, fontsize: float) -> None:
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
