"""A frame that may be worth labelling: an observation with the reason for it and how informative it is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from edgetl.device.observation import Observation

Reason = Literal["uncertain", "changed", "new", "random"]
"""Why a frame is kept: the result is uncertain; the result for one object changed; the scores are spread as on hardly
any validation photo; or the frame was drawn by lot."""


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Candidate(Observation):
    """An observation that may be kept.

    Attributes:
        reason: the reason why it may be kept.
        informative: how much its label would teach the model, by its result, 0..1.
        at: the time of the frame within its source, s.
        start: the time of the run's first frame by `time.monotonic`, s.
    """

    reason: Reason
    informative: float
    at: float
    start: float

    @classmethod
    def of(cls, observation: Observation, reason: Reason, informative: float, at: float, start: float) -> Candidate:
        """Makes a candidate of an observation.

        Args:
            observation: the observation.
            reason: the reason why it may be kept.
            informative: how much its label would teach the model, 0..1.
            at: the time of the frame within its source, s.
            start: the time of the run's first frame by `time.monotonic`, s.
        """
        plain = observation.frame, observation.result, observation.timings, observation.age_ms
        return cls(*plain, reason=reason, informative=informative, at=at, start=start)
