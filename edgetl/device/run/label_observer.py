"""Smooths the labels of a classifier, and reports each change of the label."""

from __future__ import annotations

from edgetl.device.camera.frame import Frame
from edgetl.device.events import Event
from edgetl.device.run.event_limit import EventLimit
from edgetl.vision.results import Classification
from edgetl.vision.smooth import Smoother


class LabelObserver:
    """Follows the best label of a classifier.

    Args:
        smooth: number of the last results of which the majority is taken; 1 takes each result as it is.
        limit: the limit of events, shared with the rest of the run.
    """

    def __init__(self, smooth: int, limit: EventLimit) -> None:
        self._smoother = Smoother(smooth) if smooth > 1 else None
        self._limit = limit
        self._reported: str | None = None

    def smooth(self, result: Classification) -> Classification:
        """Returns the majority of the last results."""
        return self._smoother(result) if self._smoother else result

    def events(self, result: Classification, frame: Frame, at: float) -> list[Event]:
        """Returns an event if the label has changed since the last event.

        A change that the limit holds back is reported later, if it is still true then.

        Args:
            result: the smoothed result.
            frame: the frame of the result.
            at: the time of the frame for the limit, s.
        """
        label = result.labels[0] if len(result) else None
        if label == self._reported:
            return []
        facts: dict[str, object] = {"label": label, "before": self._reported}
        if len(result):
            facts |= {"class_id": int(result.class_id[0]), "score": round(float(result.score[0]), 4)}
        text = f"recognised {label}" if len(result) else "nothing is recognised any more"
        event = Event("recognised", frame.captured_at, text, frame.index, facts)
        if not self._limit.allows(event, at):
            return []
        self._reported = label
        return [event]
