"""Formats the figures of a conversion's variants as a table for the console."""

from __future__ import annotations

from collections.abc import Sequence

from edgetl.bundle import Variant


def variants_table(variants: Sequence[Variant], chosen: str | None, task: str) -> str:
    """Returns a table with one row for each variant, at most 80 characters wide.

    Args:
        variants: the variants, measured.
        chosen: the name of the chosen variant; None if every variant was refused.
        task: the model's task; a detector's table has mAP and mAP50 in place of top-1.
    """
    boxed = task == "detection"
    names = f"{'mAP':>7}{'mAP50':>7}" if boxed else f"{'top-1':>7}"
    head = f"  {'variant':<24}{names}{'drop':>7}{'agree':>7}{'diff':>8}{'kB':>7}{'ms':>7}"
    rows, worst = [], []
    for v in variants:
        mark = "*" if v.name == chosen else " " if v.accepted else "x"
        m = v.measured
        accuracy = f"{m.accuracy:>7.3f}" + (f"{m.metrics['map50']:>7.3f}" if boxed else "")
        figures = f"{accuracy}{m.accuracy_drop:>7.3f}{m.agreement:>7.3f}{m.max_score_difference:>8.2g}"
        rows.append(f"{mark} {v.name:<24}{figures}{v.bytes / 1000:>7.0f}{m.latency_ms:>7.2f}")
        if m.worst_class_drop > 0:
            worst.append(f"  {v.name} loses most in {m.worst_class}: {-m.worst_class_drop:+.3f}")
    legend = (
        "* chosen, x refused; diff: the largest difference of a score from Keras's\n"
        "  ms: median of inference alone, on this workstation, one thread"
    )
    return "\n".join([head, *rows, legend, *worst])
