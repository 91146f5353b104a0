"""Which of a bundle's variants, with how many threads, is fastest on this very machine; measured, and remembered."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from itertools import product
from pathlib import Path

import numpy as np

from edgetl.bundle import MANIFEST, Bundle, Variant, is_bundle
from edgetl.device.inference.model import Model
from edgetl.device.measure.machine import Machine
from edgetl.device.measure.steps import Step, no_steps
from edgetl.device.measure.tuned_file import TIE, Trial, Tuning, recall, remember
from edgetl.device.runtime.threads import counts_to_try
from edgetl.device.stages import Percentiles, Recorder
from edgetl.device.verify.replay import verify
from edgetl.errors import EdgetlError, GateError, UsageError
from edgetl.files import sha256_of
from edgetl.text import about
from edgetl.vision.arrays import Image

AUTO = "auto"
"""The variant that a user names to have the measured one."""

_ROUNDS = 5
"""The candidates take turns, so that what disturbs the machine for a while disturbs them all."""
_LEAST_SECONDS, _LEAST_FRAMES = 0.3, 10
"""Of a candidate's turn."""
_LONG_SECONDS = 60
"""An estimate is given of work that takes longer, s."""


def tune(
    folder: Path,
    threads: Sequence[int] = (),
    tell: Callable[[str], None] = lambda _: None,
    step: Step = no_steps,
) -> Tuning:
    """Measures every variant that this machine can run.

    Each is opened with each number of threads and replays the golden photos; one that doesn't give what is expected of
    it is no candidate. Then they take turns at those photos, warm, frame to result.

    Args:
        folder: the bundle's.
        threads: numbers to try; by default 1, 2 and 4, as far as there are cores.
        tell: gets a line now and then, for people.
        step: gets how far the work is.

    Raises:
        ModelError: the bundle is not valid, or no runtime is there.
        GateError: no variant gives what is expected of it.
    """
    bundle = Bundle.open(folder)
    counts = tuple(threads) or counts_to_try()
    tell(f"checking {len(bundle.runnable)} variants with {', '.join(map(str, counts))} threads")
    pairs, checked = list(product(bundle.runnable, counts)), []
    for number, (variant, count) in enumerate(pairs):
        step("checking", number, len(pairs))
        checked.append(_check(folder, variant, count))
    frames = bundle.golden_frames()
    expected = _seconds_of_measuring(folder, frames, checked)
    took = f", which takes {about(expected)}" if expected > _LONG_SECONDS else ""
    tell(f"measuring those that give what is expected of them, in turn{took}")
    trials = _measure(folder, frames, checked, step)
    best = _fastest(trials, folder)
    return Tuning(Machine.here(), sha256_of(folder / MANIFEST), best.variant, best.threads, tuple(trials))


def recall_or_tune(folder: Path, tell: Callable[[str], None] = lambda _: None) -> Tuning:
    """Returns what was measured here, measuring now where nothing was.

    Raises:
        UsageError: `folder` is no bundle.
        EdgetlError: as `recall` and `tune` do.
    """
    if not is_bundle(folder):
        what = f"only a bundle has variants to choose from: --variant {AUTO} can't be given here"
        raise UsageError(what, where=str(folder), remedy="leave --variant out, or name a bundle")
    found = recall(folder)
    if found is None:
        tell("finding out which variant is fastest on this machine")
        found = tune(folder, tell=tell)
        try:
            remember(folder, found)
        except EdgetlError as error:  # a read-only card, say: no reason not to run
            tell(f"this can't be remembered for the next time: {error.what}")
    return found


def _check(folder: Path, variant: Variant, threads: int) -> Trial:
    try:
        report = verify(folder, variant.name, threads)[0]
    except EdgetlError as error:
        return Trial(variant.name, threads, reason=error.what)
    return Trial(variant.name, threads, reason="" if report.ok else report.reason)


def _seconds_of_measuring(folder: Path, frames: Sequence[Image], trials: Sequence[Trial]) -> float:
    """Estimates how long `_measure` takes, from one frame of each candidate."""
    seconds = 0.0
    for trial in trials:
        if not trial.reason:
            with Model.open(folder, variant=trial.variant, threads=trial.threads) as model:
                model(frames[0])
                seconds += max(_LEAST_SECONDS, _LEAST_FRAMES * model.timings.total / 1e3)
    return seconds * (_ROUNDS + 1)


def _measure(folder: Path, frames: Sequence[Image], trials: Sequence[Trial], step: Step = no_steps) -> list[Trial]:
    recorders = {trial: Recorder(("total",)) for trial in trials if not trial.reason}
    with ExitStack() as stack:
        models = {
            trial: stack.enter_context(Model.open(folder, variant=trial.variant, threads=trial.threads))
            for trial in recorders
        }
        for turn in range(_ROUNDS + 1):
            for number, (trial, model) in enumerate(models.items()):
                step("measuring", turn * len(models) + number, (_ROUNDS + 1) * len(models))
                _look(model, frames, recorders[trial] if turn else Recorder(("total",)))  # the first one warms up
    return [_with(trial, recorders[trial].percentiles()["total"]) if trial in recorders else trial for trial in trials]


def _look(model: Model, frames: Sequence[Image], recorder: Recorder) -> None:
    end, position = time.monotonic() + _LEAST_SECONDS, 0
    while position < _LEAST_FRAMES or time.monotonic() < end:
        model(frames[position % len(frames)])
        recorder.add(model.timings.total)
        position += 1


def _with(trial: Trial, total: Percentiles) -> Trial:
    return dataclasses.replace(trial, p50_ms=round(total.p50, 4), p95_ms=round(total.p95, 4))


def _fastest(trials: Sequence[Trial], folder: Path) -> Trial:
    """The quickest; of those that are as quick as good as, the one with the fewest threads, the first of these."""
    times = [trial.p50_ms for trial in trials if trial.p50_ms]
    if not times:
        reasons = "; ".join(f"{t.variant}: {t.reason}" for t in trials)
        remedy = "install what is missing, or copy the bundle again; `edgetl verify` tells more"
        raise GateError(f"no variant can be used on this machine: {reasons}", where=str(folder), remedy=remedy)
    quick = [trial for trial in trials if trial.p50_ms and trial.p50_ms <= TIE * np.min(times)]
    return min(quick, key=lambda trial: trial.threads)
