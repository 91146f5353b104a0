"""Reads and changes the settings that the live page offers: the score threshold and the classes."""

from __future__ import annotations

import dataclasses
import json

from edgetl.device.result_selection import ResultSelection
from edgetl.errors import UsageError
from edgetl.vision.filter import ResultFilter

_NAMES = ("threshold", "classes")


def settings(selection: ResultSelection) -> dict[str, object]:
    """Returns the present settings as JSON-ready values.

    Args:
        selection: the results that the run reports.

    Returns:
        `threshold`, 0..1, or None for the model's own threshold; and `classes`, a list of labels, or None for all.
    """
    only = selection.filter
    return {"threshold": only.threshold, "classes": None if only.classes is None else list(only.classes)}


def description(selection: ResultSelection) -> dict[str, object]:
    """Returns the present settings, and what can be chosen, as JSON-ready values.

    Args:
        selection: the results that the run reports.

    Returns:
        The result of `settings` with the model's `name`, `task` and `labels`; `own_thresholds`, the model's own
        threshold of each label, 0..1; and `own_threshold`, their mean, at which the page's slider stands.
    """
    card = selection.card
    own = ResultFilter().thresholds(card).tolist()
    choices: dict[str, object] = {"name": card.name, "task": card.task, "labels": list(card.labels)}
    choices["own_threshold"] = round(sum(own) / len(own), 3)
    choices["own_thresholds"] = [round(threshold, 3) for threshold in own]
    return choices | settings(selection)


def change(selection: ResultSelection, body: bytes) -> None:
    """Changes the settings that a request names; the others stay.

    Args:
        selection: the results that the run reports; the change applies from the next frame on.
        body: a JSON object with `threshold` (0..1, or null for the model's own threshold), `classes` (a list of
            labels, which may be empty, or null for all classes), or both.

    Raises:
        UsageError: the body is not such an object, or the model has no such class.
    """
    changes = _json_object(body)

    def edit(present: ResultFilter) -> ResultFilter:
        if "threshold" in changes:
            present = dataclasses.replace(present, threshold=_threshold(changes["threshold"]))
        if "classes" in changes:
            present = dataclasses.replace(present, classes=_classes(changes["classes"]))
        return present

    selection.update(edit)


def _json_object(body: bytes) -> dict[str, object]:
    try:
        changes = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise UsageError("the settings are not valid JSON") from error
    if not isinstance(changes, dict):
        raise UsageError("the settings are not a JSON object")
    unknown = sorted(set(changes) - set(_NAMES))
    if unknown:
        raise UsageError(f"there is no setting {unknown[0]!r}", remedy=f"choose from {', '.join(_NAMES)}")
    return changes


def _threshold(value: object) -> float | None:
    if value is not None and (isinstance(value, bool) or not isinstance(value, (int, float))):
        raise UsageError(
            "threshold is not a number", remedy="send a number from 0 to 1, or null for the model's own threshold"
        )
    return value


def _classes(value: object) -> tuple[str, ...] | None:
    if value is None:
        return None
    if not isinstance(value, list) or not all(isinstance(label, str) for label in value):
        raise UsageError("classes is not a list of labels", remedy="send a list of labels, or null for all classes")
    return tuple(dict.fromkeys(value))
