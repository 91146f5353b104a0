"""Words a variant's loss of accuracy for tables: the drop with its uncertainty, and what the photos can't tell."""

from __future__ import annotations

from edgetl.manifest import Measurement


def half_width(measured: Measurement, name: str) -> str:
    """Returns the uncertainty of a drop as `±1.2`, in percentage points; an empty text if it isn't known.

    Args:
        measured: the variant's figures.
        name: the drop's name in `Measurement.intervals`.
    """
    interval = measured.intervals.get(name)
    return f"±{50 * (interval.high - interval.low):.1f}" if interval else ""


def too_few_photos(measured: Measurement, task: str) -> dict[str, float]:
    """Returns what the validation photos can't tell, in words, and which drop is expected by the answers alone, 0..1.

    Args:
        measured: the variant's figures.
        task: the model's task.
    """
    found = measured.unlabelled
    if found is None:
        return {}
    metrics = {
        "accuracy_drop": ("mAP" if task == "detection" else "top-1", found.expected_drop),
        "map50_drop": ("mAP50", found.expected_map50_drop),
    }
    limits = [(*metrics[name], limit) for name, limit in measured.undecided.items() if name in metrics]
    return {_sentence(metric, limit): expected for metric, expected, limit in limits}


def _sentence(metric: str, limit: float) -> str:
    points = "point" if round(100 * limit, 4) == 1 else "points"
    return f"too few photos to tell a drop of {100 * limit:.4g} {points} of {metric}"
