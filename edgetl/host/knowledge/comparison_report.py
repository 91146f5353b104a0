"""Writes the HTML report of a comparison: the answer, the data curves and a table of the runs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from edgetl.host.knowledge.comparison import Comparison
from edgetl.host.knowledge.comparison_file import Run
from edgetl.host.knowledge.comparison_plan import DEFAULT
from edgetl.host.report.comparison_figure import WayCurve, way_curves
from edgetl.host.report.html_page import write_page


def write_comparison_report(comparison: Comparison, runs: Sequence[Run]) -> None:
    """Writes the report of a comparison to the path that it names.

    Args:
        comparison: the comparison.
        runs: the finished runs.

    Raises:
        EdgetlError: the file can't be written.
    """
    default = Path(comparison.default).name
    titles = {name: Path(name).name for name in comparison.curves} | {DEFAULT: f"{DEFAULT} ({default})"}
    curves = [
        WayCurve(
            titles.get(name, name),
            [point.photos / comparison.classes for point in points],
            [point.mean for point in points],
            [(point.low, point.high) for point in points],
        )
        for name, points in comparison.curves.items()
        if points
    ]
    label = f"{comparison.figure} on {comparison.validation} validation photos"
    values = {
        "comparison": comparison,
        "name": Path(comparison.data).name or comparison.data,
        "default": default,
        "curves": way_curves(curves, label) if curves else "",
        "runs": runs,
        "titles": titles,
        "card": {"version": "", "created": ""},
    }
    write_page(comparison.report, "report_comparison.html.j2", values)
