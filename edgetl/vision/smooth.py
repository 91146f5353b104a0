"""Smooths a classifier's results over several frames by a vote."""

from __future__ import annotations

from collections import deque

import numpy as np

from edgetl.vision.results import Classification


class Smoother:
    """Returns the class that is best in most of the last N results.

    After a change of scene the new class has the majority within N frames. If two classes are best equally often, the
    winner of the frame before stays. A class's score is its mean over the results that contain it. An empty result is a
    vote for "nothing known".

    Args:
        frames: number N of results that vote; 1 changes nothing.
    """

    def __init__(self, frames: int) -> None:
        self._last: deque[Classification] = deque(maxlen=frames)
        self._winner: int | None = None
        """The column of the class that won the last vote; None if nothing was known."""

    def __call__(self, result: Classification) -> Classification:
        """Adds the next frame's result to the vote.

        Args:
            result: the result of the next frame.

        Returns:
            The winner first, then the classes that occur most often, as many as the longest of the last N results has.
        """
        self._last.append(result)
        self._winner = self._vote()
        if self._winner is None:
            return Classification(np.zeros(0, np.int64), np.zeros(0, np.float32), ())
        scores, labels = self._scores_and_labels()
        order = sorted(scores, key=lambda i: (i != self._winner, -len(scores[i]), -sum(scores[i])))
        order = order[: max(map(len, self._last))]
        means = np.array([sum(scores[i]) / len(scores[i]) for i in order], np.float32)
        return Classification(np.array(order, np.int64), means, tuple(labels[i] for i in order))

    def _vote(self) -> int | None:
        """Returns the class that is best most often; None if empty results are the most frequent."""
        votes: dict[int | None, tuple[int, float]] = {}
        for past in self._last:
            first, score = (int(past.class_id[0]), float(past.score[0])) if len(past) else (None, 0.0)
            count, total = votes.get(first, (0, 0.0))
            votes[first] = count + 1, total + score
        return max(votes, key=lambda i: (votes[i][0], i == self._winner, votes[i][1]))

    def _scores_and_labels(self) -> tuple[dict[int, list[float]], dict[int, str]]:
        """Returns the scores and the label of each class that occurs in the last results."""
        scores: dict[int, list[float]] = {}
        labels: dict[int, str] = {}
        for past in self._last:
            for class_id, score, label in zip(past.class_id.tolist(), past.score.tolist(), past.labels, strict=True):
                scores.setdefault(class_id, []).append(score)
                labels[class_id] = label
        return scores, labels
