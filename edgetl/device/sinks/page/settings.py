"""What is wanted of the model, as the page shows and sets it."""

from __future__ import annotations

import dataclasses
import json
from typing import Protocol

from edgetl.card import ModelCard
from edgetl.errors import UsageError
from edgetl.vision.filter import ResultFilter

_KNOWN = ("threshold", "classes")


class Adjustable(Protocol):
    """What of a model the page shows and sets, see `edgetl.device.model.Model`."""

    card: ModelCard

    @property
    def only(self) -> ResultFilter:
        """The results wanted; it may be set from any thread."""

    @only.setter
    def only(self, only: ResultFilter) -> None: ...


def settings(model: Adjustable) -> dict[str, object]:
    """Returns what is wanted now, JSON-ready; a threshold of None is the model's own."""
    only = model.only
    return {"threshold": only.threshold, "classes": list(only.classes)}


def description(model: Adjustable) -> dict[str, object]:
    """Returns the settings with what there is to choose from: the model's name, task, labels and own threshold."""
    card = model.card
    if card.task == "classification":
        own = card.classifier.threshold
    else:
        own = sum(card.detector.thresholds) / len(card.detector.thresholds)
    known = {"name": card.name, "task": card.task, "labels": list(card.labels), "own_threshold": round(own, 3)}
    return known | settings(model)


def change(model: Adjustable, body: bytes) -> None:
    """Sets what a request wants; what it doesn't name stays.

    Args:
        model: whose results they are; the next frame's are the new ones.
        body: a JSON object with any of `threshold` (0..1, or null for the model's own) and `classes` (a list of
            labels; an empty one is for all).

    Raises:
        UsageError: it isn't that, or the model has no such class.
    """
    wanted = _object(body)
    only = model.only
    if "threshold" in wanted:
        only = dataclasses.replace(only, threshold=_threshold(wanted["threshold"]))
    if "classes" in wanted:
        only = dataclasses.replace(only, classes=_classes(wanted["classes"]))
    model.only = only


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


def _classes(value: object) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(label, str) for label in value):
        raise UsageError("classes is no list of labels")
    return tuple(dict.fromkeys(value))
