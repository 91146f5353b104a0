"""Formats the figures of a conversion's variants as a table for the console."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

from edgetl.bundle import Variant
from edgetl.host.report.drop_text import half_width, too_few_photos

_WIDTH = 80
"""A line of the table has at most this many characters, as many as an ordinary terminal shows."""


def variants_table(variants: Sequence[Variant], chosen: str | None, task: str) -> str:
    """Returns a table with one row for each variant, at most 80 characters wide.

    Args:
        variants: the variants, measured.
        chosen: the name of the chosen variant; None if every variant was refused.
        task: the model's task; a detector's table has mAP and mAP50 in place of top-1.
    """
    boxed = task == "detection"
    names = f"{'mAP':>7}{'mAP50':>7}" if boxed else f"{'top-1':>7}"
    head = f"  {'variant':<24}{names}{'drop':>11}{'agree':>7}{'diff':>8}{'kB':>7}{'ms':>7}"
    rows, notes = [], []
    for v in variants:
        mark = "*" if v.name == chosen else " " if v.accepted else "x"
        m = v.measured
        accuracy = f"{m.accuracy:>7.3f}" + (f"{m.metrics['map50']:>7.3f}" if boxed else "")
        drop = f"{100 * m.accuracy_drop:.1f}{half_width(m, 'accuracy_drop')}"
        figures = f"{accuracy}{drop:>11}{m.agreement:>7.3f}{m.max_score_difference:>8.2g}"
        rows.append(f"{mark} {v.name:<24}{figures}{v.bytes / 1000:>7.0f}{m.latency_ms:>7.2f}")
        if m.worst_class_drop > 0:
            notes.append(f"  {v.name} loses most in {m.worst_class}: {-m.worst_class_drop:+.3f}")
    legend = (
        "* chosen, x refused; drop: points lost, and how far the photos can be wrong\n"
        "  diff: the largest difference of a score from Keras's\n"
        "  ms: median of inference alone, on this workstation, one thread"
    )
    return "\n".join([head, *rows, legend, *_doubts(variants, task), *notes])


def _doubts(variants: Sequence[Variant], task: str) -> list[str]:
    """Returns lines that say what the photos can't tell, and what is expected of each variant instead."""
    expected: dict[str, list[str]] = {}
    for v in variants:
        for sentence, drop in too_few_photos(v.measured, task).items():
            expected.setdefault(sentence, []).append(f"{v.name} {100 * drop:.2f}")
    lines = []
    for sentence, drops in expected.items():
        text = f"{sentence}; by their answers alone, expect {', '.join(drops)}"
        lines += textwrap.wrap(text, _WIDTH, subsequent_indent="  ", break_on_hyphens=False)
    return lines
