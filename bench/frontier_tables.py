"""The tables and the picture of `bench/detector_frontier.py`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from matplotlib.figure import Figure

Pair = tuple[float, int]
"""The width multiplier and the size of the input, px."""

Latency = dict[str, dict[str, dict[str, float]]]
"""The time of a frame by pair and runtime: `ms`, and `relative` to `REFERENCE` with its quartiles `low` and `high`."""

REFERENCE: Pair = (0.35, 320)
BUDGETS = (0.4, 0.6, 0.8, 1.0, 1.25, 1.5, 2.0, 3.0, 4.0)
"""Times of a frame for which the best width and size are wanted, relative to `REFERENCE`."""
METRICS = {"map": "mAP", "map50": "mAP50"}


@dataclass(frozen=True)
class Point:
    """A trained detector: its time relative to `REFERENCE` in its quickest runtime, and its accuracy."""

    name: str
    time: float
    map: float
    map50: float
    seeds: int = 1


def pair_name(pair: Pair) -> str:
    return f"{pair[0]:g}@{pair[1]}"


def _grid(latency: Latency) -> tuple[list[float], list[int]]:
    pairs = [name.split("@") for name in latency]
    return sorted({float(alpha) for alpha, _ in pairs}), sorted({int(size) for _, size in pairs})


def times(latency: Latency) -> str:
    """Returns the time of each width and size, relative to `REFERENCE`, LiteRT and OpenVINO."""
    if not latency:
        return ""
    alphas, sizes = _grid(latency)
    own = latency[pair_name(REFERENCE)]["LiteRT"]["ms"]
    spread = max((row["high"] - row["low"]) / row["relative"] for cell in latency.values() for row in cell.values())
    lines = [
        f"1 is {own:.2f} ms of processor time on a PC; half of the rounds lie within {50 * spread:.0f} % or less.",
        "",
    ]
    lines += ["| alpha | " + " | ".join(f"{size} px" for size in sizes) + " |", "|---" * (len(sizes) + 1) + "|"]
    for alpha in alphas:
        rows = [latency.get(pair_name((alpha, size)), {}) for size in sizes]
        cells = [" / ".join(f"{row['relative']:.2f}" for row in cell.values()) or "–" for cell in rows]
        lines.append(f"| {alpha:g} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def budgets(latency: Latency, ours: Sequence[Point]) -> str:
    """Returns for each budget the largest size of each width that keeps it, and the best trained detector."""
    alphas, sizes = _grid(latency)
    lines = ["| time | " + " | ".join(f"alpha {alpha:g}" for alpha in alphas) + " | best mAP | best mAP50 |"]
    lines.append("|---" * (len(alphas) + 3) + "|")
    for budget in BUDGETS:
        cells = []
        for alpha in alphas:
            fitting = [size for size in sizes if _time(latency, (alpha, size)) <= budget]
            cells.append(f"{fitting[-1]} px" if fitting else "–")
        best = [_best(ours, budget, metric) for metric in METRICS]
        cells += [f"{getattr(one, m):.3f} ({one.name})" if one else "–" for m, one in zip(METRICS, best, strict=True)]
        lines.append(f"| {budget:g} | " + " | ".join(cells) + " |")
    return "\n".join(lines) if latency else ""


def verdicts(ours: Sequence[Point], theirs: Sequence[Point]) -> str:
    """Returns where edgetl lies above YOLO11n in the time of each trained detector, and where not."""
    lines = ["| detector | time | mAP | mAP50 | edgetl's mAP in this time | edgetl's mAP50 in this time |"]
    lines.append("|---" * 6 + "|")
    for one in sorted([*ours, *theirs], key=lambda point: point.time):
        name = f"edgetl {one.name}" + (f", {one.seeds} seeds" if one.seeds > 1 else "") if one in ours else one.name
        cells = [_verdict(_best(ours, one.time, m), _best(theirs, one.time, m), m) for m in METRICS]
        lines.append(f"| {name} | {one.time:.2f} | {one.map:.3f} | {one.map50:.3f} | {' | '.join(cells)} |")
    return "\n".join(lines) if theirs else ""


def _verdict(ours: Point | None, theirs: Point | None, metric: str) -> str:
    if not ours:
        return "edgetl has none as fast"
    if not theirs:
        return f"{getattr(ours, metric):.3f}, YOLO11n has none as fast"
    gap = getattr(ours, metric) - getattr(theirs, metric)
    return f"{getattr(ours, metric):.3f}, {'above' if gap > 0 else 'below'} by {abs(gap):.3f}"


def _time(latency: Latency, pair: Pair) -> float:
    return min((row["relative"] for row in latency.get(pair_name(pair), {}).values()), default=float("inf"))


def _best(found: Sequence[Point], time: float, metric: str) -> Point | None:
    return max((one for one in found if one.time <= time), key=lambda one: getattr(one, metric), default=None)


def draw(path: Path, ours: Sequence[Point], theirs: Sequence[Point]) -> None:
    """Draws mAP and mAP50 against the time of a frame."""
    figure = Figure(figsize=(10, 4.2), layout="constrained")
    for axes, (metric, title) in zip(figure.subplots(1, 2), METRICS.items(), strict=True):
        for found, label, mark in ((ours, "edgetl", "o"), (theirs, "YOLO11n", "s")):
            ordered = sorted(found, key=lambda one: one.time)
            values = [getattr(one, metric) for one in ordered]
            line = axes.plot([one.time for one in ordered], values, mark, label=label)[0]
            best = [max(values[: i + 1]) for i in range(len(values))]
            axes.step([one.time for one in ordered], best, where="post", color=line.get_color(), alpha=0.6)
            for one, value in zip(ordered, values, strict=True):
                note = one.name if found is ours else one.name.split(", ", 1)[-1]
                axes.annotate(note, (one.time, value), xytext=(4, -10), textcoords="offset points", fontsize=7)
        axes.set(title=title)
        axes.margins(x=0.15)
        axes.grid(alpha=0.3)
        axes.legend(frameon=False, loc="lower right")
    figure.supxlabel("time of a frame with one thread; 1 is MobileNetV2 0.35 at 320 px, int8, LiteRT", fontsize=10)
    figure.savefig(path, dpi=120)
