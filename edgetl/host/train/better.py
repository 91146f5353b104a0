"""Which epoch of a training is kept."""

from __future__ import annotations

from dataclasses import dataclass

NOTHING = (-1.0,)
"""A score that every judged epoch beats."""


@dataclass(slots=True)
class Choice:
    """The best score so far.

    A figure that was measured on few photos is noise: of the epochs whose figure lies within its error of the highest
    one, the one with the best second figure is kept, a classifier's likelihood of the right classes. The error counts
    from the highest figure of all, so that small losses don't add up from epoch to epoch.

    Attributes:
        best: the score that is kept.
        highest: the highest first figure of all.
    """

    best: tuple[float, ...] = NOTHING
    highest: float = NOTHING[0]

    def takes(self, score: tuple[float, ...], error: float = 0.0) -> bool:
        """Says whether a new score is the one to keep, and notes it if so.

        Args:
            score: more is better; the first figure decides, the others break ties.
            error: the standard error of the first figure; figures that differ by no more are equal.
        """
        self.highest = max(self.highest, score[0])
        least = self.highest - error
        if self.best[0] < least:
            taken = score[0] >= least
        else:
            taken = score[0] >= least and (score[1:] > self.best[1:] if error else score > self.best)
        if taken:
            self.best = score
        return taken
