"""What a run came to: frames and times, the classes it saw, and the objects it counted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from edgetl.device.run.loop import Summary
from edgetl.device.run.tally import Tally


@dataclass(frozen=True, slots=True)
class RunResult:
    """The outcome of `edgetl.run`; as text it is what `edgetl run` prints at the end.

    Example:
        >>> import edgetl
        >>> result = edgetl.run(edgetl.RunSettings(model="parts", source="photos/disc", max_frames=3))
        >>> result.summary.frames
        3

    Attributes:
        summary: numbers of frames, frames a second, and times of the stages.
        tally: number of frames in which each class was seen.
        crossings: objects counted across each line, as `{"belt": {"in": 3, "out": 1}}`.
        totals: the crossings with their classes, a line of text for each line; empty without lines.
        started: whether the run got as far as its first frame; False if it was asked to end before.
    """

    summary: Summary
    tally: Tally
    crossings: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    totals: str = ""
    started: bool = True

    def __str__(self) -> str:
        if not self.started:
            return "stopped before the first frame"
        return "\n".join(filter(None, (str(self.summary), str(self.tally), self.totals)))
