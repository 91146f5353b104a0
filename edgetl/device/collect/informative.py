"""Estimates from a result how much a frame's label would teach the model, compared with its validation photos."""

from __future__ import annotations

from itertools import accumulate

from edgetl.card import ModelCard
from edgetl.device.collect.budget import LEAST
from edgetl.device.collect.candidate import Reason
from edgetl.device.observation import Observation
from edgetl.vision.arrays import Scores
from edgetl.vision.results import Classification
from edgetl.vision.shares import SCORE_BINS
from edgetl.vision.uncertainty import entropies, margins

_UNIFORM = (1 / SCORE_BINS,) * SCORE_BINS
"""The histogram that stands in for the card's if that has none: every score is as frequent as any other."""
_NEW = 0.99
"""Share of the validation photos whose entropy a new-looking frame exceeds, 0..1."""
_NEW_ANYWAY = 0.7
"""Entropy from which a frame looks new if the card has no distribution of it, 0..1."""


class InformativeFrames:
    """Says how informative a frame is: how unsure the model is, by itself and compared with its validation photos.

    Args:
        card: the model's card; without a validation profile only the scores themselves count.
    """

    def __init__(self, card: ModelCard) -> None:
        profile = card.validation
        self._scores = _Below(profile.score if profile else _UNIFORM)
        self._margins = _Below((profile.margin if profile else ()) or _UNIFORM)
        self._entropies = _Below(profile.entropy) if profile and profile.entropy else None

    def __call__(self, observation: Observation) -> tuple[float, Reason]:
        """Returns how informative a frame is, 0..1, and the reason."""
        result = observation.result
        if isinstance(result, Classification):
            return self._classified(result, observation.scores)
        if not len(result):
            return 0.0, "uncertain"
        return self._unsure(float(result.score.min()), self._scores), "uncertain"

    def _classified(self, result: Classification, scores: Scores | None) -> tuple[float, Reason]:
        """Rates a classifier's result.

        Args:
            result: the result.
            scores: the scores of all classes, (C,) float32, 0..1; None if they are not known.
        """
        if scores is None:
            best = float(result.score[0]) if len(result) else 0.0
            return self._unsure(max(0.0, 2 * best - 1), self._margins), "uncertain"
        at_most = self._unsure(max(0.0, 2 * float(scores.max()) - 1), self._margins)  # the margin is at least that
        if at_most < LEAST:
            return at_most, "uncertain"  # most frames end here, after a few microseconds
        unsure = self._unsure(float(margins(scores)), self._margins)
        entropy = float(entropies(scores))
        spread = self._entropies(entropy) if self._entropies else float(entropy > _NEW_ANYWAY)
        if spread < _NEW:
            return unsure, "uncertain"
        return max(unsure, (spread + entropy) / 2), "new"

    @staticmethod
    def _unsure(sure: float, usual: _Below) -> float:
        """Returns the mean of two shares: of the validation photos that are surer, and of what is missing to 1."""
        return 1 - (usual(sure) + sure) / 2


class _Below:
    """Returns the share of a histogram's values below a value; quicker than `share_below`, for every frame.

    Args:
        shares: the histogram of values of 0..1.
    """

    def __init__(self, shares: tuple[float, ...]) -> None:
        self._bins = len(shares)
        self._shares = shares
        self._sums = (0.0, *accumulate(shares))

    def __call__(self, value: float) -> float:
        position = min(max(value, 0.0), 1.0) * self._bins
        whole = min(int(position), self._bins - 1)
        return self._sums[whole] + self._shares[whole] * (position - whole)
