"""Which of a bundle's variants, with how many threads, is fastest on this very machine; measured, and remembered."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import product
from pathlib import Path

import numpy as np

from edgetl import schema
from edgetl.bundle import MANIFEST, Bundle, Variant
from edgetl.device.latency import Percentiles, Recorder
from edgetl.device.machine import Machine, cores
from edgetl.device.model import Model
from edgetl.device.verify import verify
from edgetl.document import check_version, read_json
from edgetl.errors import EdgetlError, GateError, ModelError, UsageError
from edgetl.files import sha256_of, write_atomic
from edgetl.vision.preprocess import Image

FILE = "tuned.json"
"""Beside `bundle.json`: what was measured here."""

AUTO = "auto"
"""The variant that a user names to have the measured one."""

_SCHEMA = 1
_ROUNDS = 5
"""The candidates take turns, so that what disturbs the machine for a while disturbs them all."""
_LEAST_SECONDS, _LEAST_FRAMES = 0.3, 10
"""Of a candidate's turn."""
_TIE = 1.03
"""Times that differ by less are equal: then fewer threads are better, and what the target prefers."""
_REMEDY = "run `edgetl tune` again: it measures, and replaces the file"


@dataclass(frozen=True, slots=True)
class Trial:
    """A variant with a number of threads.

    Attributes:
        variant: its name.
        threads: for inference.
        p50_ms: median from frame to result, ms; None where it wasn't measured.
        p95_ms: likewise, what nineteen frames of twenty stay under.
        reason: why it is no candidate; empty where it is one.
    """

    variant: str
    threads: int
    p50_ms: float | None = None
    p95_ms: float | None = None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Tuning:
    """What was measured, and what follows.

    Attributes:
        machine: where.
        bundle_sha256: of the manifest that the figures belong to.
        variant: the fastest one's name.
        threads: that it was fastest with.
        trials: of all variants; never empty.
        schema: of this document.
    """

    machine: Machine
    bundle_sha256: str
    variant: str
    threads: int
    trials: tuple[Trial, ...]
    schema: int = _SCHEMA

    def to_dict(self) -> dict[str, object]:
        """Returns JSON-ready values."""
        return dataclasses.asdict(self)

    def __str__(self) -> str:
        rows = [f"  {'variant':<26}{'threads':>8}{'p50 ms':>9}{'p95 ms':>9}"]
        for trial in self.trials:
            mark = "*" if (trial.variant, trial.threads) == (self.variant, self.threads) else " "
            row = f"{mark} {trial.variant:<26}{trial.threads:>8}"
            rows.append(row + (f"{trial.p50_ms:>9.2f}{trial.p95_ms:>9.2f}" if trial.p50_ms else f"  {trial.reason}"))
        rows.append("* chosen; ms: frame to result on this machine, the variants taking turns")
        return "\n".join([*rows, *self._slower()])

    def _slower(self) -> list[str]:
        """Says of each int8 variant that a float one of the same runtime and threads is faster."""
        found = []
        timed = {(t.variant, t.threads): t.p50_ms for t in self.trials if t.p50_ms}
        for (variant, threads), ms in timed.items():
            other = variant.replace("static_wi8_ai8", "float32")
            other_ms = timed.get((other, threads))
            if other_ms and ms > _TIE * other_ms:
                found.append(f"{variant} is slower here than {other}: {ms:.2f} ms, {other_ms:.2f}; threads: {threads}")
        return found


def tune(folder: Path, threads: Sequence[int] = (), tell: Callable[[str], None] = lambda _: None) -> Tuning:
    """Measures every variant that this machine can run.

    Each is opened with each number of threads and replays the golden photos; one that doesn't give what is expected of
    it is no candidate. Then they take turns at those photos, warm, frame to result.

    Args:
        folder: the bundle's.
        threads: numbers to try; by default 1, 2 and 4, as far as there are cores.
        tell: gets a line now and then, for people.

    Raises:
        ModelError: the bundle is not valid, or no runtime is there.
        GateError: no variant gives what is expected of it.
    """
    bundle = Bundle.open(folder)
    counts = tuple(threads) or tuple(n for n in (1, 2, 4) if n <= cores()) or (1,)
    tell(f"checking {len(bundle.runnable)} variants with {', '.join(map(str, counts))} threads")
    checked = [_check(folder, variant, count) for variant, count in product(bundle.runnable, counts)]
    tell("measuring those that give what is expected of them, in turn")
    trials = _measure(folder, bundle.golden_frames(), checked)
    best = _fastest(trials, folder)
    return Tuning(Machine.here(), sha256_of(folder / MANIFEST), best.variant, best.threads, tuple(trials))


def remember(folder: Path, tuning: Tuning) -> None:
    """Writes what was measured into the bundle's folder.

    Raises:
        EdgetlError: the folder can't be written to, or the disk is full.
    """
    document = tuning.to_dict()
    write_atomic(folder / FILE, json.dumps(document | {"sha256": _digest(document)}, indent=2) + "\n")


def recall(folder: Path) -> Tuning | None:
    """Returns what was measured on this machine for this bundle; None where that is still to be done.

    Raises:
        ModelError: the file was edited, cut short, or doesn't belong to this edgetl.
    """
    path = folder / FILE
    if not path.is_file():
        return None
    document = read_json(path)
    check_version(document, _SCHEMA, str(path))
    assert isinstance(document, dict)  # or it had no version
    try:
        if document.pop("sha256", None) != _digest(document):
            raise schema.SchemaError("it was edited, its own SHA-256 differs")
        tuning = schema.parse(Tuning, document)
    except schema.SchemaError as error:
        raise ModelError(f"{FILE} is not valid: {error}", where=str(path), remedy=_REMEDY) from error
    same = (tuning.machine, tuning.bundle_sha256) == (Machine.here(), sha256_of(folder / MANIFEST))
    return tuning if same else None


def settle(folder: Path, tell: Callable[[str], None] = lambda _: None) -> Tuning:
    """Returns what was measured here, measuring now where nothing was.

    Raises:
        UsageError: `folder` is no bundle.
        EdgetlError: as `recall` and `tune` do.
    """
    if not (folder / MANIFEST).is_file():
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


def _measure(folder: Path, frames: Sequence[Image], trials: Sequence[Trial]) -> list[Trial]:
    recorders = {trial: Recorder(("total",)) for trial in trials if not trial.reason}
    with ExitStack() as stack:
        models = {
            trial: stack.enter_context(Model.open(folder, variant=trial.variant, threads=trial.threads))
            for trial in recorders
        }
        for turn in range(_ROUNDS + 1):
            for trial, model in models.items():
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
    quick = [trial for trial in trials if trial.p50_ms and trial.p50_ms <= _TIE * np.min(times)]
    return min(quick, key=lambda trial: trial.threads)


def _digest(document: dict[str, object]) -> str:
    return hashlib.sha256(json.dumps(document, sort_keys=True).encode()).hexdigest()
