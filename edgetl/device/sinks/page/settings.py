"""What is wanted of the model, as the page shows and sets it."""

from __future__ import annotations

import dataclasses
import json

from edgetl.device.result_selection import ResultSelection
from edgetl.errors import UsageError
from edgetl.vision.filter import ResultFilter

_KNOWN = ("threshold", "classes")


def settings(selection: ResultSelection) -> dict[str, object]:
    """Returns what is wanted now, JSON-ready; a threshold of None is the model's own, classes of None are all."""
    only = selection.filter
    return {"threshold": only.threshold, "classes": None if only.classes is None else list(only.classes)}


def description(selection: ResultSelection) -> dict[str, object]:
    """Returns the settings with what there is to choose from: the model's name, task, labels and own thresholds.

    `own_thresholds` holds one for each label. `own_threshold` is their mean, where the page's slider stands.
    """
    card = selection.card
    own = ResultFilter().thresholds(card).tolist()
    known: dict[str, object] = {"name": card.name, "task": card.task, "labels": list(card.labels)}
    known["own_threshold"] = round(sum(own) / len(own), 3)
    known["own_thresholds"] = [round(threshold, 3) for threshold in own]
    return known | settings(selection)


def change(selection: ResultSelection, body: bytes) -> None:
    """Sets what a request wants; what it doesn't name stays.

    Args:
        selection: the results that the run reports; a change applies from the next frame on.
        body: a JSON object with any of `threshold` (0..1, or null for the model's own) and `classes` (a list of
            labels; an empty one is for none, null for all).

    Raises:
        UsageError: it isn't that, or the model has no such class.
    """
    wanted = _object(body)

    def edit(chosen: ResultFilter) -> ResultFilter:
        if "threshold" in wanted:
            chosen = dataclasses.replace(chosen, threshold=_threshold(wanted["threshold"]))
        if "classes" in wanted:
            chosen = dataclasses.replace(chosen, classes=_classes(wanted["classes"]))
        return chosen

    selection.update(edit)


def _object(body: bytes) -> dict[str, object]:
    try:
        wanted = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise UsageError("the settings are no JSON") from error
    if not isinstance(wanted, dict):
        raise UsageError("the settings are no JSON object")
    unknown = sorted(set(wanted) - set(_KNOWN))
    if unknown:
        raise UsageError(f"there is no setting {unknown[0]!r}", remedy=f"choose from {', '.join(_KNOWN)}")
    return wanted


def _threshold(value: object) -> float | None:
    if value is not None and (isinstance(value, bool) or not isinstance(value, (int, float))):
        raise UsageError("threshold is no number", remedy="choose it from 0 to 1, or null for the model's own")
    return value


def _classes(value: object) -> tuple[str, ...] | None:
    if value is None:
        return None
    if not isinstance(value, list) or not all(isinstance(label, str) for label in value):
        raise UsageError("classes is no list of labels", remedy="give such a list, or null for all")
    return tuple(dict.fromkeys(value))
