"""Notices results that change for one thing: a tracked object's class, or a classifier's label that comes and goes."""

from __future__ import annotations

from edgetl.device.observation import Observation
from edgetl.vision.results import Detections

_FLICKER = 1.0
"""A classifier's label that is gone again within this time, s, was probably wrong."""
_FORGOTTEN = 10.0
"""An object that has not been seen for this long, s, is forgotten."""


class ChangedResults:
    """Follows the class of each tracked object, and the label of a classifier."""

    def __init__(self) -> None:
        self._classes: dict[int, tuple[int, float]] = {}
        self._present: int | None = None
        self._before: int | None = None
        self._first: Observation | None = None
        self._since = 0.0

    def __call__(self, observation: Observation, at: float) -> Observation | None:
        """Returns the observation that shows a changed result; None if this one completes no change.

        Args:
            observation: the next observation. Each photo shows another scene, so photos never change.
            at: the time of its frame, s.
        """
        if observation.frame.name:
            return None
        if isinstance(observation.result, Detections):
            return observation if self._changes_class(observation.result, at) else None
        return self._flickered(observation, at)

    def _changes_class(self, found: Detections, at: float) -> bool:
        if found.track is None:
            return False
        changed = False
        for number, class_id in zip(found.track.tolist(), found.class_id.tolist(), strict=True):
            known = self._classes.get(number)
            changed = changed or (known is not None and known[0] != class_id)
            self._classes[number] = class_id, at
        if len(self._classes) > len(found):
            self._classes = {number: row for number, row in self._classes.items() if at - row[1] < _FORGOTTEN}
        return changed

    def _flickered(self, observation: Observation, at: float) -> Observation | None:
        """Returns the first observation of a label that the label before it has just replaced again."""
        result, scores = observation.result, observation.scores
        label = int(scores.argmax()) if scores is not None else int(result.class_id[0]) if len(result) else None
        if label == self._present:
            return None
        flickered = label == self._before and at - self._since <= _FLICKER
        first = self._first if flickered else None
        self._before, self._present = self._present, label
        self._first, self._since = observation, at
        return first
