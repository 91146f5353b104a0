"""Chooses the frames that may be worth labelling: of each moment the most informative one, and a few by lot."""

from __future__ import annotations

import random
from collections.abc import Sequence

from edgetl.card import ModelCard
from edgetl.device.camera.frame import FrameClock, FrameSampler
from edgetl.device.collect.budget import LEAST, Budget
from edgetl.device.collect.candidate import Candidate, Reason
from edgetl.device.collect.changed_results import ChangedResults
from edgetl.device.collect.informative import InformativeFrames
from edgetl.device.observation import Observation

_MOMENT = 1.0
"""The most informative of the frames within this time, s, is a candidate; the others show nearly the same."""
RATED_EVERY = 0.19
"""A frame is rated once in this time, s: frames closer together hardly differ, and rating takes time."""
_CHANGED = 0.9
"""A frame whose result has changed for one object is so informative, 0..1: one of the two results must be wrong."""
RANDOM_EVERY = 300.0
"""One frame is drawn by lot from each time of this length, s."""


class FrameSelector:
    """Chooses candidates among the observations of a run, with few operations for each.

    Args:
        card: the model's card.
        clock: the time of a frame.
        budget: the number of frames that may still be collected.
        seed: the seed of the lot; None takes a new one.
    """

    def __init__(self, card: ModelCard, clock: FrameClock, budget: Budget, seed: int | None = None) -> None:
        self._clock = clock
        self._samples = FrameSampler(clock, RATED_EVERY)
        self._budget = budget
        self._rate = InformativeFrames(card)
        self._changes = ChangedResults()
        self._lot = random.Random(seed)
        self._best: Candidate | None = None
        self._moment_ends = self._block_ends = self._drawn_at = float("-inf")
        self._start: float | None = None

    def add(self, observation: Observation) -> Sequence[Candidate]:
        """Takes the next observation; returns the candidates that are chosen now, which are none for most frames."""
        if not self._samples(observation.frame):
            return ()
        at = self._clock(observation.frame)
        if self._start is None:
            self._start = observation.frame.captured_at
        chosen: Sequence[Candidate] = ()
        if at >= self._moment_ends:
            chosen, self._moment_ends = self.rest(), at + _MOMENT
        informative, reason = self._rate(observation)
        self._keep_better(observation, reason, informative, at)
        if (changed := self._changes(observation, at)) is not None:
            self._keep_better(changed, "changed", _CHANGED, at)
        if self._is_drawn(at):
            return (*chosen, Candidate.of(observation, "random", informative, at, self._start))
        return chosen

    def rest(self) -> Sequence[Candidate]:
        """Returns the best candidate of the present moment, if there is one; call it at the end of a run, too."""
        best, self._best = self._best, None
        return () if best is None else (best,)

    def _keep_better(self, observation: Observation, reason: Reason, informative: float, at: float) -> None:
        """Makes an observation the candidate of the present moment if it is more informative than the last one."""
        if informative < LEAST or (self._best is not None and informative <= self._best.informative):
            return
        if informative >= self._budget.least(at):
            self._best = Candidate.of(observation, reason, informative, at, self._start or 0.0)

    def _is_drawn(self, at: float) -> bool:
        """Says whether the frame at a time, s, is the one that the lot has drawn."""
        if at >= self._block_ends:
            self._block_ends, self._drawn_at = at + RANDOM_EVERY, at + self._lot.random() * RANDOM_EVERY
        if at < self._drawn_at:
            return False
        self._drawn_at = float("inf")
        return True
