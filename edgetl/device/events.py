"""Events: what happens in a run besides its results."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

EventKind = Literal[
    "camera_lost",
    "camera_back",
    "dark",
    "blurred",
    "clear",
    "drift",
    "drift_over",
    "sink_failed",
    "sink_back",
    "entered",
    "left",
    "crossed",
    "recognised",
    "appeared",
    "gone",
]


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened in a run.

    Example:
        >>> Event("appeared", 12.5, "bolt 1 appeared", index=7, facts={"track": 1}).to_dict()
        {'event': 'appeared', 'text': 'bolt 1 appeared', 'track': 1}

    Attributes:
        kind: the kind of the event.
        at: the time of the event by `time.monotonic`, s.
        text: a line for people.
        index: the index of the frame that shows the event; None if no frame does.
        facts: JSON-ready values for programs.
    """

    kind: EventKind
    at: float
    text: str
    index: int | None = None
    facts: Mapping[str, object] = field(default_factory=dict)

    def __str__(self) -> str:
        return self.text

    def to_dict(self) -> dict[str, object]:
        """Returns JSON-ready values: `{"event", "text", …}` and the facts."""
        return {"event": self.kind, "text": self.text, **self.facts}
