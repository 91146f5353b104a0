"""Writes the HTML report of a conversion: one self-contained file that loads nothing from elsewhere."""

from __future__ import annotations

import math
from pathlib import Path

from edgetl.bundle import Manifest
from edgetl.host.report.bar_figure import bars
from edgetl.host.report.drop_text import half_width, too_few_photos
from edgetl.host.report.html_page import filesize, milliseconds, percent, thumbnail, write_page


def write_conversion_report(path: Path, manifest: Manifest) -> None:
    """Writes the report of a conversion.

    Args:
        path: the HTML file.
        manifest: the manifest of the bundle.

    Raises:
        EdgetlError: the file can't be written.
    """
    variants = manifest.variants
    names = [variant.name for variant in variants]
    chosen = names.index(manifest.chosen)
    is_detector = manifest.card.task == "detection"
    measures = (
        ("mAP" if is_detector else "top-1 accuracy", [v.measured.accuracy for v in variants], percent),
        ("size", [float(v.bytes) or math.nan for v in variants], filesize),
        ("time on the workstation, median", [v.measured.latency_ms for v in variants], milliseconds),
    )
    drawn = [bars(names, values, [form(v) for v in values], chosen, title) for title, values, form in measures]
    write_page(
        path,
        "report_conversion.html.j2",
        {
            "card": manifest.card,
            "manifest": manifest,
            "chosen": variants[chosen],
            "bars": drawn,
            "boxed": is_detector,
            "half_width": half_width,
            "too_few": [
                (v.name, f"{text}; {100 * drop:.2f} expected by its answers alone")
                for v in variants
                for text, drop in too_few_photos(v.measured, manifest.card.task).items()
            ],
            "golden": [(photo, thumbnail(path.parent / photo.file)) for photo in manifest.golden],
        },
    )
