"""Draws the accuracy against the number of training photos, with its continuation to twice as many."""

from __future__ import annotations

from collections.abc import Sequence

from markupsafe import Markup
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, MaxNLocator, NullLocator, PercentFormatter

from edgetl.host.probe.data_curve import CurvePoint
from edgetl.host.probe.folds import Estimate
from edgetl.host.probe.photo_review import PhotoReview
from edgetl.host.report.svg_figure import ACCENT, LINE, SECOND, figure_style, remove_frame, to_svg


def data_curve(review: PhotoReview, accuracy: float) -> Markup:
    """Draws the measured and the fitted curve of the head, and what the trained network reaches and should reach.

    Args:
        review: a review with a curve.
        accuracy: the accuracy of the trained network, or the share of the boxes that it finds, 0..1.
    """
    photos = round(review.fitted[-1].photos / 2)  # the fitted curve ends at twice the photos
    with figure_style():
        figure = Figure(figsize=(6.4, 3.2), layout="constrained")
        axes = figure.add_subplot()
        axes.set_xscale("log")
        _draw_head(axes, review, photos)
        if review.gain:
            _draw_network(axes, accuracy, review.gain, photos)
        remove_frame(axes)
        axes.grid(axis="y", color=LINE, linewidth=0.8)
        sizes = [round(point.photos) for point in review.measured]
        ticks = sorted({*sizes, photos, 2 * photos})
        axes.xaxis.set_major_locator(FixedLocator(ticks))
        axes.xaxis.set_minor_locator(NullLocator())
        axes.set_xticklabels([f"{size:,}" for size in ticks])
        axes.yaxis.set_major_locator(MaxNLocator(nbins=6, steps=[1, 2, 5, 10]))
        axes.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
        crops = review.unit == "box"
        axes.set_xlabel("training crops of boxes and of the background" if crops else "training photos")
        return to_svg(figure, "accuracy against the number of training photos, up to twice as many")


def _draw_head(axes: Axes, review: PhotoReview, photos: int) -> None:
    """Draws the fitted curve with its interval, dashed beyond the photos that there are, and the measured points."""
    x = [point.photos for point in review.fitted]
    axes.fill_between(
        x, _ends(review.fitted, "low"), _ends(review.fitted, "high"), color=SECOND, alpha=0.3, linewidth=0
    )
    until = [point for point in review.fitted if point.photos <= photos]
    beyond = [*until[-1:], *(point for point in review.fitted if point.photos > photos)]
    for points, dashes in ((until, "-"), (beyond, (0, (4, 3)))):
        axes.plot([p.photos for p in points], [p.accuracy.mean for p in points], color=SECOND, lw=1.8, linestyle=dashes)
    for point in review.measured:
        _draw_point(axes, point.photos, point.accuracy, SECOND)


def _draw_network(axes: Axes, top1: float, gain: Estimate, photos: int) -> None:
    """Draws the network's accuracy with all photos, and the expected one with twice as many."""
    expected = Estimate(top1 + gain.mean, top1 + gain.low, top1 + gain.high)
    axes.plot([photos, 2 * photos], [top1, expected.mean], color=ACCENT, lw=1.8, linestyle=(0, (4, 3)))
    axes.plot(photos, top1, "o", ms=6, color=ACCENT, clip_on=False)
    _draw_point(axes, 2 * photos, expected, ACCENT)


def _draw_point(axes: Axes, photos: float, accuracy: Estimate, color: str) -> None:
    axes.plot([photos, photos], [accuracy.low, accuracy.high], color=color, lw=1.4, clip_on=False)
    axes.plot(photos, accuracy.mean, "o", ms=5, color=color, clip_on=False)


def _ends(points: Sequence[CurvePoint], end: str) -> list[float]:
    return [float(getattr(point.accuracy, end)) for point in points]
