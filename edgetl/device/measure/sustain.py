"""Runs a model for minutes or hours, and reports how its speed follows the machine's temperature and clock."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import asdict, dataclass
from pathlib import Path

from edgetl.device.measure.bench import STAGES, Candidate, Frames, open_cold, time_frames
from edgetl.device.measure.thermal import Thermal
from edgetl.device.stages import Recorder

_ROW_SECONDS = 10.0
"""A long run reports a row after this time, s."""


@dataclass(frozen=True, slots=True)
class Sustained:
    """A row of a long run, for the time since the row before.

    Attributes:
        minutes: the time since the start of the run, minutes.
        p50_ms: the median time from frame to result, ms.
        p95_ms: the 95th percentile of the time from frame to result, ms.
        thermal: the machine's temperature and clock at the end of the row.
    """

    minutes: float
    p50_ms: float
    p95_ms: float
    thermal: Thermal

    def to_dict(self) -> dict[str, object]:
        """Returns JSON-ready values."""
        return asdict(self)

    def __str__(self) -> str:
        return f"{self.minutes:>7.1f} min{self.p50_ms:>9.3f}{self.p95_ms:>9.3f}  {self.thermal}"


def sustain(
    path: Path, candidate: Candidate, frames: Frames, minutes: float, labels: Path | None = None
) -> Iterator[Sustained]:
    """Runs a candidate without a pause, and yields a row every ten seconds.

    Args:
        path: the bundle's folder or the model file.
        candidate: the variant and its number of threads.
        frames: the frames to run one after the other, each (H, W, 3) uint8 BGR.
        minutes: the duration of the run, minutes.
        labels: the file of labels for a model file without them; see `Model.open`.
    """
    model, _ = open_cold(path, candidate, frames[0], labels)
    start = time.monotonic()
    with closing(model):
        while (left := start + 60 * minutes - time.monotonic()) > 0:
            recorder = Recorder(STAGES)
            time_frames(model, frames, recorder, min(_ROW_SECONDS, left))
            total = recorder.percentiles()["total"]
            yield Sustained((time.monotonic() - start) / 60, total.p50, total.p95, Thermal.here())
