"""Measures which of a bundle's variants, with how many threads, is fastest on this machine, and remembers it."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from itertools import product
from pathlib import Path

import numpy as np

from edgetl.bundle import MANIFEST, Bundle, Variant, is_bundle
from edgetl.device.inference.model import Model
from edgetl.device.measure.bench import STAGES, time_frames
from edgetl.device.measure.machine import Machine
from edgetl.device.measure.steps import Step, no_steps
from edgetl.device.measure.tuned_file import TIE, Trial, Tuning, recall, remember
from edgetl.device.runtime.threads import counts_to_try
from edgetl.device.stages import Percentiles, Recorder
from edgetl.device.verify.replay import verify
from edgetl.errors import EdgetlError, GateError, UsageError
from edgetl.files import sha256_of
from edgetl.text import about, counted
from edgetl.vision.arrays import Image

AUTO = "auto"
"""The name that a user gives instead of a variant's to get the fastest variant on this machine."""

_ROUNDS = 5
"""Each candidate gets this many turns, so that a disturbance of some seconds affects all of them."""

_LEAST_SECONDS, _LEAST_FRAMES = 0.3, 10
"""A candidate's turn lasts at least this long, s, and this many frames, so that a median of them is stable."""

_LONG_SECONDS = 60
"""Work that takes longer than this is announced with an estimate, s."""


def tune(
    folder: Path,
    threads: Sequence[int] = (),
    message: Callable[[str], None] = lambda _: None,
    step: Step = no_steps,
) -> Tuning:
    """Measures every variant that this machine can run.

    Each variant is opened with each number of threads and replays the golden photos; it is a candidate only if its
    outputs are the expected ones. The candidates then take turns with those photos, after a warm-up; the time from
    frame to result counts.

    Args:
        folder: the bundle's folder.
        threads: the numbers of threads to try; by default 1, 2 and 4, up to the number of cores.
        message: the function that is called with lines for people.
        step: the function that is called with the progress of the work.

    Raises:
        ModelError: the bundle is not valid, or no runtime is installed.
        GateError: no variant gives the expected outputs.
    """
    bundle = Bundle.open(folder)
    counts = tuple(threads) or counts_to_try()
    message(f"checking {counted(len(bundle.runnable), 'variant')} with {_threads_listed(counts)}")
    pairs, checked = list(product(bundle.runnable, counts)), []
    for number, (variant, count) in enumerate(pairs):
        step("checking", number, len(pairs))
        checked.append(_check(folder, variant, count))
    frames = bundle.golden_frames()
    expected = _seconds_of_measuring(folder, frames, checked)
    estimate = f"; this takes {about(expected)}" if expected > _LONG_SECONDS else ""
    message(f"measuring the variants with the expected outputs in turn{estimate}")
    trials = _measure(folder, frames, checked, step)
    best = _fastest(trials, folder)
    return Tuning(Machine.here(), sha256_of(folder / MANIFEST), best.variant, best.threads, tuple(trials))


def recall_or_tune(folder: Path, message: Callable[[str], None] = lambda _: None) -> Tuning:
    """Returns the remembered measurement of this machine, or measures now if there is none.

    Args:
        folder: the bundle's folder.
        message: the function that is called with lines for people.

    Raises:
        UsageError: the folder is not a bundle.
        EdgetlError: the remembered measurement is not valid, or the measurement fails; see `recall` and `tune`.
    """
    if not is_bundle(folder):
        what = f"only a bundle has variants to choose from: --variant {AUTO} can't be given here"
        raise UsageError(what, where=str(folder), remedy="leave --variant out, or name a bundle")
    found = recall(folder)
    if found is None:
        message("finding out which variant is fastest on this machine")
        found = tune(folder, message=message)
        try:
            remember(folder, found)
        except EdgetlError as error:  # the run goes on, for example from a read-only card
            message(f"the measurement can't be stored for the next time: {error.what}")
    return found


def _threads_listed(counts: Sequence[int]) -> str:
    return counted(counts[0], "thread") if len(counts) == 1 else f"{', '.join(map(str, counts))} threads"


def _check(folder: Path, variant: Variant, threads: int) -> Trial:
    """Replays the golden photos; the trial has a reason if the outputs are not the expected ones."""
    try:
        report = verify(folder, variant.name, threads)[0]
    except EdgetlError as error:
        return Trial(variant.name, threads, reason=error.what)
    return Trial(variant.name, threads, reason="" if report.ok else report.reason)


def _seconds_of_measuring(folder: Path, frames: Sequence[Image], trials: Sequence[Trial]) -> float:
    """Estimates from one frame of each candidate how long `_measure` takes, s."""
    seconds = 0.0
    for trial in trials:
        if not trial.reason:
            with Model.open(folder, variant=trial.variant, threads=trial.threads) as model:
                model(frames[0])
                seconds += max(_LEAST_SECONDS, _LEAST_FRAMES * model.timings.total / 1e3)
    return seconds * (_ROUNDS + 1)


def _measure(folder: Path, frames: Sequence[Image], trials: Sequence[Trial], step: Step = no_steps) -> list[Trial]:
    """Measures the candidates, those trials that have no reason to be left out, in turns."""
    recorders = {trial: Recorder(STAGES) for trial in trials if not trial.reason}
    with ExitStack() as stack:
        models = {
            trial: stack.enter_context(Model.open(folder, variant=trial.variant, threads=trial.threads))
            for trial in recorders
        }
        for turn in range(_ROUNDS + 1):
            for number, (trial, model) in enumerate(models.items()):
                step("measuring", turn * len(models) + number, (_ROUNDS + 1) * len(models))
                recorder = recorders[trial] if turn else Recorder(STAGES)  # the first turn is the warm-up
                time_frames(model, frames, recorder, _LEAST_SECONDS, _LEAST_FRAMES)
    return [_with(trial, recorders[trial].percentiles()["total"]) if trial in recorders else trial for trial in trials]


def _with(trial: Trial, total: Percentiles) -> Trial:
    return dataclasses.replace(trial, p50_ms=round(total.p50, 4), p95_ms=round(total.p95, 4))


def _fastest(trials: Sequence[Trial], folder: Path) -> Trial:
    """Returns the fastest trial; of trials that are equally fast, the first one with the fewest threads.

    Raises:
        GateError: there is no candidate.
    """
    times = [trial.p50_ms for trial in trials if trial.p50_ms]
    if not times:
        reasons = "; ".join(f"{t.variant}: {t.reason}" for t in trials)
        remedy = "install the missing runtime, or copy the bundle again; `edgetl verify` shows more"
        raise GateError(f"no variant can be used on this machine: {reasons}", where=str(folder), remedy=remedy)
    quick = [trial for trial in trials if trial.p50_ms and trial.p50_ms <= TIE * np.min(times)]
    return min(quick, key=lambda trial: trial.threads)
