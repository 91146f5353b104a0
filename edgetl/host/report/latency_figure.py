"""Draws the latencies that `edgetl bench` measured, as a PNG."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from edgetl.device.measure.bench import STAGES, Measured
from edgetl.device.measure.sustain import Sustained
from edgetl.files import write_atomic

_PARTS = STAGES[:-1]


def draw(path: Path, measured: Sequence[Measured], rows: Sequence[Sustained]) -> None:
    """Draws the stages of each candidate, the distribution of frame times, and the course of a long run.

    Args:
        path: the PNG file.
        measured: the measured candidates, at least one.
        rows: the rows of the long run; empty if there was none.

    Raises:
        EdgetlError: the file can't be written.
    """
    figure = Figure(figsize=(9, 2.2 + 0.4 * len(measured) + 2.8 * (1 + bool(rows))), layout="constrained")
    heights = [1 + 0.4 * len(measured), 2.8, 2.8][: 2 + bool(rows)]
    axes = figure.subplots(len(heights), 1, height_ratios=heights)
    _stages(axes[0], measured)
    _spread(axes[1], measured)
    if rows:
        _course(axes[2], rows)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=120)
    write_atomic(path, buffer.getvalue())


def _stages(axes: Axes, measured: Sequence[Measured]) -> None:
    names = [str(one.candidate) for one in measured]
    left = np.zeros(len(measured))
    for stage in _PARTS:
        medians = np.array([one.percentile(stage, 50) for one in measured])
        axes.barh(names, medians, left=left, label=stage)
        left += medians
    axes.invert_yaxis()
    axes.set(xlabel="median, ms", title="A frame, stage by stage")
    axes.legend(frameon=False, loc="upper left", bbox_to_anchor=(1, 1))


def _spread(axes: Axes, measured: Sequence[Measured]) -> None:
    shares = np.linspace(0, 99.9, 500)
    for one in measured:
        axes.plot([one.percentile("total", share) for share in shares], shares, label=str(one.candidate))
    axes.set(xlabel="frame to result, ms", ylabel="% of frames are no slower")
    axes.set_xlim(left=0)
    axes.legend(frameon=False)


def _course(axes: Axes, rows: Sequence[Sustained]) -> None:
    minutes = [row.minutes for row in rows]
    axes.plot(minutes, [row.p50_ms for row in rows], label="p50")
    axes.plot(minutes, [row.p95_ms for row in rows], label="p95")
    axes.set(xlabel="minutes", ylabel="frame to result, ms")
    axes.set_ylim(bottom=0)
    axes.legend(frameon=False, loc="lower left")
    heat = [row.thermal.celsius for row in rows if row.thermal.celsius is not None]
    if len(heat) == len(rows):
        beside = axes.twinx()
        beside.plot(minutes, heat, color="tab:red", linestyle=":")
        beside.set_ylabel("°C", color="tab:red")
