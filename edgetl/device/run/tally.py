"""What was seen in a run, by class."""

from __future__ import annotations

from collections import Counter

from edgetl.device.observation import Observation
from edgetl.vision.results import Classification

_MOST_ROWS = 20
"""Classes that are listed; a model may have thousands."""


class Tally:
    """Counts the frames in which each class was seen; call it with every observation.

    Of a classifier the best class of a frame counts, of a detector every class that it found at least one object of.
    """

    def __init__(self) -> None:
        self._frames = self._empty = 0
        self._seen: Counter[str] = Counter()
        self._most: dict[str, int] = {}
        self._unsure: Counter[str] = Counter()

    def __call__(self, observation: Observation) -> None:
        """Counts one observation."""
        result = observation.result
        self._frames += 1
        found = Counter(result.labels[:1] if isinstance(result, Classification) else result.labels)
        self._empty += not found
        self._seen.update(found.keys())
        if isinstance(result, Classification):
            self._unsure.update(found if result.unsure else ())
        else:
            for label, count in found.items():
                self._most[label] = max(count, self._most.get(label, 0))

    def __str__(self) -> str:
        """A line for each class, the most frequent first; empty for fewer than two frames."""
        if self._frames < 2:
            return ""
        rows = self._seen.most_common(_MOST_ROWS)
        width = max((len(label) for label, _ in rows), default=0)
        lines = [f"  {label:<{width}}  {self._share(count)}{self._remark(label)}" for label, count in rows]
        if len(self._seen) > len(rows):
            lines.append(f"  and {len(self._seen) - len(rows)} more classes")
        if self._empty:
            lines.append(f"  nothing in {self._share(self._empty)}")
        return "\n".join(["seen:", *lines])

    def _share(self, count: int) -> str:
        return f"{count:,} of {self._frames:,} frames ({count / self._frames:.0%})"

    def _remark(self, label: str) -> str:
        if label in self._most:
            return f", at most {self._most[label]} at once"
        unsure = self._unsure[label]
        return f", unsure in {unsure:,} of them" if unsure else ""
