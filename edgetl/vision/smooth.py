"""A classifier's label, steadied."""

from __future__ import annotations

from collections import deque

import numpy as np

from edgetl.vision.results import Classification


class Smoother:
    """Says what most of the last N results say.

    A new scene has the majority after more than half of them, so its label comes through within N frames. The label
    that was said last stays where another has just as many; a class's score is its mean where it was named. That
    nothing was known counts as a label of its own.

    Args:
        frames: N, results to look back on; 1 changes nothing.
    """

    def __init__(self, frames: int) -> None:
        self._last: deque[Classification] = deque(maxlen=frames)
        self._said: int | None = None  # of the last winner

    def __call__(self, result: Classification) -> Classification:
        """Takes the next frame's result.

        Returns:
            At most as many classes as one result has, those named most often first.
        """
        self._last.append(result)
        self._said = self._winner()
        if self._said is None:
            return Classification(np.zeros(0, np.int64), np.zeros(0, np.float32), ())
        scores, labels = self._named()
        order = sorted(scores, key=lambda i: (i != self._said, -len(scores[i]), -sum(scores[i])))
        order = order[: max(map(len, self._last))]
        means = np.array([sum(scores[i]) / len(scores[i]) for i in order], np.float32)
        return Classification(np.array(order, np.int64), means, tuple(labels[i] for i in order))

    def _winner(self) -> int | None:
        """The class that is first most often; None where mostly none is known."""
        votes: dict[int | None, tuple[int, float]] = {}
        for past in self._last:
            first, score = (int(past.class_id[0]), float(past.score[0])) if len(past) else (None, 0.0)
            count, total = votes.get(first, (0, 0.0))
            votes[first] = count + 1, total + score
        return max(votes, key=lambda i: (votes[i][0], i == self._said, votes[i][1]))

    def _named(self) -> tuple[dict[int, list[float]], dict[int, str]]:
        """The scores and the labels of the classes that were named."""
        scores: dict[int, list[float]] = {}
        labels: dict[int, str] = {}
        for past in self._last:
            for class_id, score, label in zip(past.class_id.tolist(), past.score.tolist(), past.labels, strict=True):
                scores.setdefault(class_id, []).append(score)
                labels[class_id] = label
        return scores, labels
