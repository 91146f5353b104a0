"""Decides which epoch's weights a training stores."""

from __future__ import annotations

from dataclasses import dataclass

NO_SCORE = (-1.0,)
"""The score before the first epoch; every validated epoch has a higher one."""


@dataclass(slots=True)
class BestScore:
    """The score of the best epoch so far.

    A figure that was measured on few photos is noisy. Of the epochs whose first figure lies within its error of the
    highest one, the epoch with the best second figure wins; for a classifier, that figure is the likelihood of the
    right classes. The error counts from the highest first figure of all, so that small losses don't add up from epoch
    to epoch.

    Attributes:
        best: the score of the best epoch.
        highest: the highest first figure of any epoch.
    """

    best: tuple[float, ...] = NO_SCORE
    highest: float = NO_SCORE[0]

    def update(self, score: tuple[float, ...], error: float = 0.0) -> bool:
        """Returns whether an epoch is the best so far, and remembers its score if so.

        Args:
            score: the epoch's figures, higher is better; the first one decides, the others break ties.
            error: the standard error of the first figure; first figures that differ by no more count as equal.
        """
        self.highest = max(self.highest, score[0])
        least = self.highest - error
        if self.best[0] < least:
            better = score[0] >= least
        else:
            better = score[0] >= least and (score[1:] > self.best[1:] if error else score > self.best)
        if better:
            self.best = score
        return better
