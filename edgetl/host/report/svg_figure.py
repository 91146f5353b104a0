"""The style of the reports' figures, and their conversion to SVG that takes colours and typeface from the page.

Matplotlib draws in placeholder colours, which become CSS variables: one figure then fits light, dark and paper.
"""

from __future__ import annotations

import io
import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import matplotlib as mpl
from markupsafe import Markup
from matplotlib.axes import Axes
from matplotlib.figure import Figure

INK, MUTED, LINE, ACCENT, SECOND, SURFACE = "#010203", "#010204", "#010205", "#010206", "#010207", "#010208"
"""Placeholder colours; in the SVG, the page's CSS variables take their places."""

_VARIABLES = {INK: "ink", MUTED: "muted", LINE: "line", ACCENT: "accent", SECOND: "second", SURFACE: "surface"}
"""The CSS variable of each placeholder."""

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

_LABEL_LENGTH = 24
"""A name in a figure has at most this many characters, so that it leaves room for the drawing."""

_POINTS_PER_INCH = 72
_PX_PER_INCH = 96
"""SVG figures are measured in points; a page measures in px."""


@contextmanager
def figure_style(font_size: float = 9) -> Iterator[None]:
    """Applies the style of the reports to the figures that are made in the block.

    Args:
        font_size: the size of text, pt.
    """
    with mpl.rc_context({**_STYLE, "font.size": font_size}):
        yield


def shortened(name: str) -> str:
    """Returns a name that is short enough for a figure."""
    return name if len(name) <= _LABEL_LENGTH else f"{name[: _LABEL_LENGTH - 1]}…"


def remove_frame(axes: Axes) -> None:
    """Leaves only the bottom line of the frame around axes."""
    axes.set_axisbelow(True)
    axes.tick_params(length=0, pad=5)
    axes.spines[["left", "right", "top"]].set_visible(False)
    axes.spines.bottom.set_color(LINE)


def to_svg(figure: Figure, label: str) -> Markup:
    """Returns a figure as an `<svg>` element for an HTML page, without prologue, fixed size and ids that could clash.

    Args:
        figure: the drawn figure.
        label: the description for readers who can't see the figure.
    """
    buffer = io.StringIO()
    with warnings.catch_warnings():
        # Matplotlib measures text in a font that lacks some glyphs; the browser draws them in another one.
        warnings.filterwarnings("ignore", message=r"Glyph \d+ .* missing from")
        nothing = dict.fromkeys(("Date", "Creator", "Format", "Type"))
        figure.savefig(buffer, format="svg", transparent=True, metadata=nothing)
    drawing = buffer.getvalue()
    body = drawing[drawing.index(">", drawing.index("<svg")) + 1 :]
    body = re.sub(r"<metadata>.*?</metadata>|<style.*?</style>", "", body, flags=re.DOTALL)
    body = re.sub(r'<g id="[^"]*"', "<g", body)
    for color, variable in _VARIABLES.items():
        body = re.sub(rf"(fill|stroke): {color}", rf"\1: var(--{variable})", body)
    width, height = figure.get_size_inches() * _POINTS_PER_INCH
    start = Markup('<svg role="img" aria-label="{}" viewBox="0 0 {:g} {:g}" style="--natural: {:.0f}px">')
    return start.format(label, width, height, width * _PX_PER_INCH / _POINTS_PER_INCH) + Markup(body)
