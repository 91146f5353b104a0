"""How fast a model is on this machine: every stage of a frame, warm; the cold start; and hours of it, if asked for."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edgetl.bundle import Bundle, is_bundle
from edgetl.device.inference.model import Model
from edgetl.device.measure.steps import Step, no_steps
from edgetl.device.measure.thermal import Thermal
from edgetl.device.runtime.threads import thread_count
from edgetl.device.stages import Recorder
from edgetl.errors import UsageError
from edgetl.vision.arrays import Image

STAGES = ("preprocess", "invoke", "decode", "total")
"""Of a frame; `total` is frame to result."""

FRAME_WH = (640, 480)
_TURNS = 10
"""What is compared takes turns, so that what disturbs the machine for a while disturbs all of it."""
_WARM_UP = 20
_LEAST_FRAMES = 20
_MOST_FRAMES = 1_000_000
"""Kept of each measurement: beyond that, hours of a fast model would fill the memory of a small machine."""
_ROW_SECONDS = 10.0

Frames = Sequence[Image]
Milliseconds = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Candidate:
    """A variant with a number of threads.

    Attributes:
        variant: its name; empty for a single model file.
        threads: for inference.
    """

    variant: str
    threads: int

    def __str__(self) -> str:
        threads = f"{self.threads} thread{'s' if self.threads > 1 else ''}"
        return f"{self.variant}, {threads}" if self.variant else threads


@dataclass(frozen=True, slots=True)
class Measured:
    """What was measured of a candidate.

    Attributes:
        candidate: which.
        cold_ms: from the file to the first result, where the runtime's library is loaded already; ms.
        rows: (N, 4), ms of each of `STAGES`.
    """

    candidate: Candidate
    cold_ms: float
    rows: Milliseconds

    def percentile(self, stage: str, share: float) -> float:
        """Returns what `share` percent of the frames stay under in a stage, ms."""
        return float(np.percentile(self.rows[:, STAGES.index(stage)], share))

    @property
    def fps(self) -> float:
        """Frames a second, one after the other."""
        return 1e3 / float(self.rows[:, STAGES.index("total")].mean())


def candidates(path: Path, variant: str | None, threads: Sequence[int], *, every: bool) -> list[Candidate]:
    """Returns what is to be measured of a bundle or a single model file.

    Args:
        path: of it.
        variant: of a bundle; None takes the chosen one.
        threads: numbers of them; empty takes the target's, or one for a single file.
        every: all variants of a bundle that can run.

    Raises:
        ModelError: the bundle is not valid.
        UsageError: it has no such variant, or a single file is asked for its variants.
    """
    if not is_bundle(path):
        if every or variant:
            what = "a single file has no variants"
            raise UsageError(what, where=str(path), remedy="leave the options on variants out, or name a bundle")
        return [Candidate("", count) for count in threads or (thread_count(None, None),)]
    bundle = Bundle.open(path)
    names = [v.name for v in bundle.runnable] if every else [bundle.variant(variant).name]
    return [Candidate(name, count) for name in names for count in threads or (thread_count(None, bundle),)]


def frames_of(path: Path, photo: Image | None = None, size_wh: tuple[int, int] = FRAME_WH) -> Frames:
    """Returns what a model is to look at: the photo, or a bundle's golden photos, or noise; as a camera would give it.

    Args:
        path: of the bundle or the model file.
        photo: (H, W, 3) uint8 BGR.
        size_wh: every frame's width and height, px.
    """
    import cv2

    if photo is not None:
        found = [photo]
    elif is_bundle(path):
        found = Bundle.open(path).golden_frames()
    else:
        found = []
    noise = np.random.default_rng(0).integers(0, 256, (size_wh[1], size_wh[0], 3), np.uint8)
    return [np.asarray(cv2.resize(frame, size_wh, interpolation=cv2.INTER_AREA), np.uint8) for frame in found] or [
        noise
    ]


def name_of(path: Path) -> str:
    """Returns a bundle's model's name, wherever the bundle lies and whatever it is called there; of a file its own."""
    return Bundle.open(path).manifest.card.name if is_bundle(path) else path.name


def measure(
    path: Path,
    wanted: Sequence[Candidate],
    frames: Frames,
    seconds: float,
    labels: Path | None = None,
    step: Step = no_steps,
) -> list[Measured]:
    """Measures candidates in one run; they take turns.

    Args:
        path: of the bundle or the model file.
        wanted: the candidates.
        frames: to look at, in turn.
        seconds: for each candidate.
        labels: see `Model.open`.
        step: gets how far the work is.

    Raises:
        EdgetlError: one can't be opened.
    """
    with ExitStack() as stack:
        opened = [_open_cold(path, candidate, frames[0], labels) for candidate in wanted]
        models = [stack.enter_context(model) for model, _ in opened]
        recorders = [Recorder(STAGES, _MOST_FRAMES) for _ in models]
        for model in models:
            for position in range(_WARM_UP):
                model(frames[position % len(frames)])
        for turn in range(_TURNS):
            for number, (model, recorder) in enumerate(zip(models, recorders, strict=True)):
                step("measuring", turn * len(models) + number, _TURNS * len(models))
                _look(model, frames, recorder, seconds / _TURNS)
    return [
        Measured(candidate, cold, recorder.rows)
        for candidate, (_, cold), recorder in zip(wanted, opened, recorders, strict=True)
    ]


@dataclass(frozen=True, slots=True)
class Sustained:
    """A row of a long run.

    Attributes:
        minutes: since its start.
        p50_ms: median frame to result since the last row, ms.
        p95_ms: likewise, what nineteen frames of twenty stay under.
        thermal: the machine just then.
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
        path: of the bundle or the model file.
        candidate: which.
        frames: to look at, in turn.
        minutes: how long.
        labels: see `Model.open`.
    """
    model, _ = _open_cold(path, candidate, frames[0], labels)
    start = time.monotonic()
    with closing(model):
        while (left := start + 60 * minutes - time.monotonic()) > 0:
            recorder = Recorder(STAGES)
            _look(model, frames, recorder, min(_ROW_SECONDS, left))
            total = recorder.percentiles()["total"]
            yield Sustained((time.monotonic() - start) / 60, total.p50, total.p95, Thermal.here())


def peak_rss_mb() -> float | None:
    """Returns the most memory that this process has had so far, MB; None if the system doesn't say."""
    try:
        import resource
    except ModuleNotFoundError:  # only Unix has it
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return round(peak / (1 << 20 if sys.platform == "darwin" else 1 << 10), 1)


def _open_cold(path: Path, candidate: Candidate, frame: Image, labels: Path | None) -> tuple[Model, float]:
    variant = candidate.variant or None
    Model.open(path, variant=variant, threads=candidate.threads, labels=labels).close()  # imports the runtime's library
    start = time.perf_counter()
    model = Model.open(path, variant=variant, threads=candidate.threads, labels=labels)
    model(frame)
    return model, (time.perf_counter() - start) * 1e3


def _look(model: Model, frames: Frames, recorder: Recorder, seconds: float) -> None:
    timings, position = model.timings, 0
    end = time.monotonic() + seconds
    while position < _LEAST_FRAMES or time.monotonic() < end:
        model(frames[position % len(frames)])
        recorder.add(timings.preprocess, timings.invoke, timings.decode, timings.total)
        position += 1
