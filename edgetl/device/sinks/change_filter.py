"""Decides whether a result differs from the one before, so that only changes are written."""

from __future__ import annotations

from collections import Counter

from edgetl.device.observation import Observation
from edgetl.vision.results import Classification, Result


def counts(result: Result) -> dict[str, int]:
    """Returns the number of objects of each class.

    Args:
        result: the result of a classifier or a detector.

    Returns:
        The counts by label, in the order of the model's classes; for a classifier 1 for its best class.
    """
    if isinstance(result, Classification):
        return dict.fromkeys(result.labels[:1], 1)
    ordered = sorted(zip(result.class_id.tolist(), result.labels, strict=True))
    return dict(Counter(label for _, label in ordered))


def change_key(result: Result) -> object:
    """Returns a value that two results share if they count as unchanged.

    Args:
        result: the result of a classifier or a detector.

    Returns:
        A classifier's labels, the best first, or a detector's objects of each class.
    """
    return result.labels if isinstance(result, Classification) else counts(result)


class ChangeFilter:
    """Passes the first observation, and each one that differs from the last that passed.

    Two observations differ if their `change_key` does, or if they show different photos. The filter belongs to one
    sink and is used in that sink's thread only.
    """

    def __init__(self) -> None:
        self._last: object = None

    def passes(self, observation: Observation) -> bool:
        """Returns whether an observation differs from the one before.

        Args:
            observation: the next observation.
        """
        present = observation.frame.name, change_key(observation.result)
        changed = present != self._last
        self._last = present
        return changed
