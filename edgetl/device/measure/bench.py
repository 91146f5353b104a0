"""Measures how fast a model is on this machine: the time of each stage of a frame, and the cold start."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edgetl.bundle import Bundle, is_bundle
from edgetl.device.inference.model import Model
from edgetl.device.measure.steps import Step, no_steps
from edgetl.device.runtime.threads import thread_count
from edgetl.device.stages import Recorder
from edgetl.errors import UsageError
from edgetl.text import counted
from edgetl.vision.arrays import Image

STAGES = ("preprocess", "invoke", "decode", "total")
"""The measured stages of a frame; `total` is the time from frame to result."""

FRAME_WH = (640, 480)
"""Frames have this width and height unless others are given, px: the most common size of a camera."""

_TURNS = 10
"""Each candidate gets this many turns, so that a disturbance of some seconds affects all of them."""

_WARM_UP = 20
"""This many frames run before the measurement, because the first frames of a model are slow."""

_LEAST_FRAMES = 20
"""A turn has at least this many frames, so that its percentiles mean something for a slow model too."""

_MOST_FRAMES = 1_000_000
"""At most this many frames of a measurement are stored; hours of a fast model would otherwise fill a small machine's
memory."""

Frames = Sequence[Image]
"""Frames, each (H, W, 3) uint8 BGR."""

Milliseconds = NDArray[np.float64]
"""Times in ms."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A variant to measure, with a number of threads.

    Attributes:
        variant: the variant's name; empty for a single model file.
        threads: the number of threads for inference.
    """

    variant: str
    threads: int

    def __str__(self) -> str:
        threads = counted(self.threads, "thread")
        return f"{self.variant}, {threads}" if self.variant else threads


@dataclass(frozen=True, slots=True)
class Measured:
    """The measurement of a candidate.

    Attributes:
        candidate: the variant and its number of threads.
        cold_ms: the time from opening the file to the first result, ms; the runtime's library is loaded before.
        rows: the times of each frame, (N, 4) float64, ms, with a column for each of `STAGES`.
    """

    candidate: Candidate
    cold_ms: float
    rows: Milliseconds

    def percentile(self, stage: str, share: float) -> float:
        """Returns a percentile of a stage's times, ms.

        Args:
            stage: one of `STAGES`.
            share: the percentage of frames that take at most the returned time, 0..100.
        """
        return float(np.percentile(self.rows[:, STAGES.index(stage)], share))

    @property
    def fps(self) -> float:
        """The number of frames that one model can process in a second, one after the other."""
        return 1e3 / float(self.rows[:, STAGES.index("total")].mean())


def candidates(path: Path, variant: str | None, threads: Sequence[int], *, every: bool) -> list[Candidate]:
    """Returns the candidates of a bundle or a single model file.

    Args:
        path: the bundle's folder or the model file.
        variant: the name of a bundle's variant; None takes the chosen one.
        threads: the numbers of threads; if empty, the target's number, or one for a single file.
        every: whether to take all accepted variants of a bundle.

    Raises:
        ModelError: the bundle is not valid.
        UsageError: the bundle has no such variant, or the options name variants of a single file.
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
    """Returns the frames to measure with: the user's photo, or a bundle's golden photos, or noise.

    Args:
        path: the bundle's folder or the model file.
        photo: the user's photo, (H, W, 3) uint8 BGR; None if there is none.
        size_wh: the width and height of every frame, px.

    Returns:
        One or more frames, each (H, W, 3) uint8 BGR.
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
    """Returns the name of a bundle's model, whatever the folder is called, or the name of a single model file."""
    return Bundle.open(path).manifest.card.name if is_bundle(path) else path.name


def measure(
    path: Path,
    candidates: Sequence[Candidate],
    frames: Frames,
    seconds: float,
    labels: Path | None = None,
    step: Step = no_steps,
) -> list[Measured]:
    """Measures candidates in one run, in which they take turns.

    Args:
        path: the bundle's folder or the model file.
        candidates: the candidates to measure.
        frames: the frames to run one after the other, each (H, W, 3) uint8 BGR.
        seconds: the time for each candidate, s.
        labels: the file of labels for a model file without them; see `Model.open`.
        step: the function that is called with the progress of the work.

    Raises:
        EdgetlError: a candidate can't be opened.
    """
    with ExitStack() as stack:
        opened = [open_cold(path, candidate, frames[0], labels) for candidate in candidates]
        models = [stack.enter_context(model) for model, _ in opened]
        recorders = [Recorder(STAGES, _MOST_FRAMES) for _ in models]
        for model in models:
            for position in range(_WARM_UP):
                model(frames[position % len(frames)])
        for turn in range(_TURNS):
            for number, (model, recorder) in enumerate(zip(models, recorders, strict=True)):
                step("measuring", turn * len(models) + number, _TURNS * len(models))
                time_frames(model, frames, recorder, seconds / _TURNS)
    return [
        Measured(candidate, cold, recorder.rows)
        for candidate, (_, cold), recorder in zip(candidates, opened, recorders, strict=True)
    ]


def peak_rss_mb() -> float | None:
    """Returns the largest memory use of this process so far, MB; None if the system doesn't report it."""
    try:
        import resource
    except ModuleNotFoundError:  # only Unix has it
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return round(peak / (1 << 20 if sys.platform == "darwin" else 1 << 10), 1)


def open_cold(path: Path, candidate: Candidate, frame: Image, labels: Path | None) -> tuple[Model, float]:
    """Opens a model and measures its cold start; the runtime's library is loaded before.

    Args:
        path: the bundle's folder or the model file.
        candidate: the variant and its number of threads.
        frame: the first frame, (H, W, 3) uint8 BGR.
        labels: the file of labels for a model file without them; see `Model.open`.

    Returns:
        The model, and the time from opening the file to the first result, ms.

    Raises:
        EdgetlError: the model can't be opened.
    """
    variant = candidate.variant or None
    Model.open(path, variant=variant, threads=candidate.threads, labels=labels).close()  # imports the runtime's library
    start = time.perf_counter()
    model = Model.open(path, variant=variant, threads=candidate.threads, labels=labels)
    model(frame)
    return model, (time.perf_counter() - start) * 1e3


def time_frames(
    model: Model, frames: Frames, recorder: Recorder, seconds: float, least_frames: int = _LEAST_FRAMES
) -> None:
    """Runs a model on frames, one after the other, and records the time of each stage.

    Args:
        model: the model.
        frames: the frames, each (H, W, 3) uint8 BGR.
        recorder: the recorder of `STAGES`.
        seconds: the least time to go on for, s.
        least_frames: the least number of frames.
    """
    timings, position = model.timings, 0
    end = time.monotonic() + seconds
    while position < least_frames or time.monotonic() < end:
        model(frames[position % len(frames)])
        recorder.add(timings.preprocess, timings.invoke, timings.decode, timings.total)
        position += 1
