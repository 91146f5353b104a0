"""What was measured of a conversion's variants, on the console."""

from __future__ import annotations

from collections.abc import Sequence

from edgetl.bundle import Variant


def table(variants: Sequence[Variant], chosen: str | None, task: str) -> str:
    """Returns a row for each variant, for people; a detector's have the mAP and the mAP50 in place of top-1."""
    boxed = task == "detection"
    names = f"{'mAP':>7}{'mAP50':>7}" if boxed else f"{'top-1':>7}"
    head = f"  {'variant':<24}{names}{'drop':>7}{'agree':>7}{'max diff':>10}{'kB':>7}{'ms':>8}  worst class"
    rows = []
    for v in variants:
        mark = "*" if v.name == chosen else " " if v.accepted else "x"
        accuracy = f"{v.accuracy:>7.3f}" + (f"{v.metrics['map50']:>7.3f}" if boxed else "")
        measured = f"{accuracy}{v.accuracy_drop:>7.3f}{v.agreement:>7.3f}{v.max_score_difference:>10.2g}"
        cost = f"{v.bytes / 1000:>7.0f}{v.latency_ms:>8.2f}"
        rows.append(f"{mark} {v.name:<24}{measured}{cost}  {v.worst_class} {-v.worst_class_drop:+.3f}")
    return "\n".join([head, *rows, "* chosen, x refused; ms: median invoke here, one thread"])
