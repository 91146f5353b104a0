"""Counts the frames of a run in which each class was seen."""

from __future__ import annotations

from collections import Counter

from edgetl.device.observation import Observation
from edgetl.text import counted
from edgetl.vision.results import Classification

_MOST_ROWS = 20
"""Number of classes that are listed at most; a model may have thousands."""


class Tally:
    """Counts the frames in which each class was seen; call it with every observation.

    With a classifier the best class of a frame counts, with a detector every class of which it found an object.
    """

    def __init__(self) -> None:
        self._frames = self._empty = 0
        self._frames_by_class: Counter[str] = Counter()
        self._most_at_once: dict[str, int] = {}
        self._unsure: Counter[str] = Counter()

    def __call__(self, observation: Observation) -> None:
        """Counts one observation."""
        result = observation.result
        self._frames += 1
        found = Counter(result.labels[:1] if isinstance(result, Classification) else result.labels)
        self._empty += not found
        self._frames_by_class.update(found.keys())
        if isinstance(result, Classification):
            self._unsure.update(found if result.unsure else ())
        else:
            for label, count in found.items():
                self._most_at_once[label] = max(count, self._most_at_once.get(label, 0))

    @property
    def frames_by_class(self) -> dict[str, int]:
        """The number of frames in which each class was seen, the most frequent class first."""
        return dict(self._frames_by_class.most_common())

    def __str__(self) -> str:
        """Returns a line for each class, the most frequent first; an empty text for fewer than two frames."""
        if self._frames < 2:
            return ""
        rows = self._frames_by_class.most_common(_MOST_ROWS)
        width = max((len(label) for label, _ in rows), default=0)
        lines = [f"  {label:<{width}}  {self._share(count)}{self._remark(label)}" for label, count in rows]
        if len(self._frames_by_class) > len(rows):
            others = counted(len(self._frames_by_class) - len(rows), "more class", "more classes")
            lines.append(f"  and {others}")
        if self._empty:
            lines.append(f"  nothing in {self._share(self._empty)}")
        return "\n".join(["seen:", *lines])

    def _share(self, count: int) -> str:
        return f"{count:,} of {self._frames:,} frames ({count / self._frames:.0%})"

    def _remark(self, label: str) -> str:
        if label in self._most_at_once:
            return f", at most {self._most_at_once[label]} at once"
        unsure = self._unsure[label]
        return f", unsure in {unsure:,} of them" if unsure else ""
