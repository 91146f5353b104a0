"""Watches whether a run still sees what it used to: reports a covered or dark picture, another scene, other answers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from edgetl.device.camera.frame import Frame, FrameClock
from edgetl.device.events import Event
from edgetl.device.observation import Observation
from edgetl.device.result_selection import ResultSelection
from edgetl.device.run.answer_drift import AnswerDrift, Finding, Quantity
from edgetl.device.run.lens import EVERY, LONGEST_STEP, LensMonitor, measure_grey, small_grey
from edgetl.device.run.picture_drift import TEXTS, PictureDrift
from edgetl.device.status import Status

_FILM_EVERY = 1.0
"""Time between two pictures of a film that are measured, s. A film is read much faster than it was taken, so measuring
its pictures as often as a camera's would slow it down."""
_ANSWERS: dict[Quantity, str] = {
    "scores": "the model is less sure than it used to be",
    "classes": "the classes are other ones than usual",
    "brightness": "the light is not as usual",
}
"""The sentence for people about each distribution."""


class DriftMonitor:
    """Measures a few frames a second, and reports what has changed for long, and its end.

    The run's thread alone uses it.

    Args:
        selection: the results that the run reports.
        status: the run's status, which takes the figures.
        clock: the time of a frame.
        delay: time that a picture is unlike the usual one before a `drift` event says so, s; 0 reports no drift.
        covered: time after which `dark` or `blurred` is reported, see `LensMonitor`, s; 0 reports neither.
    """

    def __init__(
        self, selection: ResultSelection, status: Status, clock: FrameClock, *, delay: float, covered: float
    ) -> None:
        self._selection = selection
        self._status = status
        self._clock = clock
        self._delay = delay
        self._lens = LensMonitor(covered) if covered else None
        self._picture = PictureDrift(delay)
        self._filter = selection.filter
        self._answers = self._new_answers()
        self._at: float | None = None
        self._every = EVERY if clock.live else _FILM_EVERY

    def __call__(self, observation: Observation) -> Iterator[Event]:
        """Takes the next observation; yields the events that it completes."""
        at, last = self._clock(observation.frame), self._at
        if last is not None and 0 <= at - last < self._every:
            return
        self._at = at
        grey = small_grey(observation.frame.image)
        measured = measure_grey(grey)
        if self._lens:
            yield from self._lens.add(measured, observation.frame)
        if not self._delay:
            return
        step = 0.0 if last is None else min(max(0.0, at - last), LONGEST_STEP)
        before = self._picture.reported
        change = self._picture.add(measured, grey, step)
        if change is not None:
            if before is not None:
                yield self._ends(before, observation.frame)
            if change.state is not None:
                facts = {"seconds": round(change.seconds, 1)}
                yield self._begins(change.state, TEXTS[change.state], observation.frame, facts)
        elif self._picture.reported is None:  # the answers to a dark picture say nothing further
            yield from self._compare_answers(observation, measured.brightness, at)

    def _compare_answers(self, observation: Observation, brightness: float, at: float) -> Iterator[Event]:
        if self._selection.filter is not self._filter:  # other results are reported from now on
            self._filter = self._selection.filter
            for quantity in sorted(self._answers.reported):
                yield self._ends(quantity, observation.frame)
            self._answers = self._new_answers()
        for finding in self._answers.add(observation.result, brightness, at):
            yield self._answer_event(finding, observation.frame)
        self._status.drift_measured({str(quantity): index for quantity, index in self._answers.index.items()})

    def _answer_event(self, finding: Finding, frame: Frame) -> Event:
        if not finding.begins:
            return self._ends(finding.quantity, frame)
        text = f"{_ANSWERS[finding.quantity]}: {finding.text}"
        return self._begins(finding.quantity, text, frame, {"psi": round(finding.index, 3)})

    def _begins(self, reason: str, text: str, frame: Frame, facts: Mapping[str, float]) -> Event:
        self._status.drift_reported(reason, lasts=True)
        return Event("drift", frame.captured_at, f"drift: {text}", frame.index, {"reason": reason, **facts})

    def _ends(self, reason: str, frame: Frame) -> Event:
        self._status.drift_reported(reason, lasts=False)
        text = f"the drift has ended: {reason.replace('_', ' ')}"
        return Event("drift_over", frame.captured_at, text, frame.index, {"reason": reason})

    def _new_answers(self) -> AnswerDrift:
        chosen = self._filter
        return AnswerDrift(self._selection.card, filtered=chosen.threshold is not None or chosen.classes is not None)
