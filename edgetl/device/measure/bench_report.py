"""Prints measurements as a table or as JSON, compares them with earlier ones, and checks a target's budget."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import numpy as np

from edgetl.bundle import Bundle, is_bundle
from edgetl.device.measure.bench import STAGES, Measured, Milliseconds
from edgetl.device.measure.machine import Machine
from edgetl.document import read_json
from edgetl.errors import GateError, ModelError
from edgetl.files import write_atomic
from edgetl.target import Target, target_names

_SHARES = (50, 90, 95, 99, 100)
"""The percentiles that are reported; the last one is the maximum."""


@dataclass(frozen=True, slots=True)
class Change:
    """The time of a stage, compared with an earlier measurement.

    Attributes:
        name: the name of the measurement.
        before_ms: the earlier median, ms.
        now_ms: the present median, ms.
    """

    name: str
    before_ms: float
    now_ms: float

    @property
    def growth(self) -> float:
        """The share by which the stage takes longer than before; negative if it is faster."""
        return self.now_ms / self.before_ms - 1

    def __str__(self) -> str:
        return f"{self.name:<48}{self.before_ms:>9.3f} ms {self.now_ms:>9.3f} ms {self.growth:>+8.1%}"


def latency_table(measured: Sequence[Measured]) -> str:
    """Returns the percentiles of each stage as text, with one block for each candidate."""
    blocks = []
    for one in measured:
        head = f"{one.candidate}: {one.fps:.0f} frames a second, cold start {one.cold_ms:.0f} ms"
        columns = "".join(f"{'max' if share == 100 else f'p{share}':>9}" for share in _SHARES)
        rows = [
            f"  {stage:<12}" + "".join(f"{one.percentile(stage, share):>9.3f}" for share in _SHARES) for stage in STAGES
        ]
        blocks.append("\n".join([head, f"  {'ms':<12}{columns}", *rows]))
    return "\n".join(blocks)


def to_json(name: str, measured: Sequence[Measured], machine: Machine, extra: dict[str, object]) -> str:
    """Returns a JSON document in pytest-benchmark's schema, which its tools can read; times are in seconds.

    Args:
        name: the model's name.
        measured: the measurements; the document has a benchmark for each stage of each.
        machine: the machine of the measurements.
        extra: further JSON-ready facts about the whole run.
    """
    now = datetime.now(UTC).isoformat()
    document = {
        "machine_info": asdict(machine),
        "commit_info": {},
        "datetime": now,
        "version": version("edgetl"),
        "extra_info": extra,
        "benchmarks": [_benchmark(name, one, stage) for one in measured for stage in STAGES],
    }
    return json.dumps(document, indent=2) + "\n"


def write_json(path: Path, document: str) -> None:
    """Writes a document, whole or not at all.

    Args:
        path: the file.
        document: the document; see `to_json`.

    Raises:
        EdgetlError: the file can't be written.
    """
    write_atomic(path, document)


def medians(base: Path) -> dict[str, float]:
    """Reads the medians of an earlier document, which may also be pytest-benchmark's own.

    Args:
        base: the file.

    Returns:
        The medians, ms, by the names of the measurements.

    Raises:
        ModelError: the file is not such a document.
    """
    return _medians(read_json(base), base)


def compare_medians(document: str, before: Mapping[str, float], base: Path) -> list[Change]:
    """Compares medians with those of an earlier document.

    Args:
        document: the document of the present measurements; see `to_json`.
        before: the earlier medians, ms; see `medians`.
        base: the file of the earlier document, for the message.

    Raises:
        ModelError: the earlier document has none of these measurements.
    """
    now = _medians(json.loads(document), Path("-"))
    changes = [Change(name, before[name], ms) for name, ms in now.items() if before.get(name)]
    if not changes:
        what = f"there is nothing to compare; the file's measurements: {', '.join(list(before)[:4]) or 'none'}"
        remedy = "compare the same model, variant and number of threads: --json writes a file to compare with"
        raise ModelError(what, where=str(base), remedy=remedy)
    return changes


def require_no_growth(changes: Sequence[Change], fail_over: float, base: Path) -> None:
    """Checks that the time from frame to result has not grown too much.

    Args:
        changes: the changes of all measurements.
        fail_over: the largest growth that is allowed, a share of at least 0.
        base: the file of the earlier document, for the message.

    Raises:
        GateError: the time of a candidate has grown more; the message names the candidate.
    """
    worse = [change for change in changes if change.name.endswith("[total]") and change.growth > fail_over]
    if worse:
        what = f"slower than before by more than {fail_over:.0%}: " + ", ".join(
            f"{change.name} {change.growth:+.1%}" for change in worse
        )
        raise GateError(what, where=str(base), remedy="find the stage that grew in the table above")


def require_budget(path: Path, measured: Sequence[Measured], machine: Machine) -> None:
    """Checks that a bundle keeps the budget of its target, if this machine is of the target's kind.

    Args:
        path: the bundle's folder, or a single file, which has no budget.
        measured: the measurements of the bundle.
        machine: this machine.

    Raises:
        GateError: the bundle exceeds the budget.
    """
    if not is_bundle(path):
        return
    bundle = Bundle.open(path)
    name = bundle.manifest.target
    target = Target.load(name) if name in target_names() else None
    if target is None or not machine.is_a(target):
        return
    budget, problems = target.budget, []
    p95 = min(one.percentile("total", 95) for one in measured)
    size_mb = bundle.variant(measured[0].candidate.variant).bytes / 1e6
    if budget.p95_ms is not None and p95 > budget.p95_ms:
        problems.append(f"p95 {p95:.1f} ms, {budget.p95_ms:g} are allowed")
    if budget.size_mb is not None and size_mb > budget.size_mb:
        problems.append(f"{size_mb:.1f} MB, {budget.size_mb:g} are allowed")
    if problems:
        remedy = "convert with a smaller --size or --alpha, try another --variant or more --threads"
        raise GateError(f"the budget of {name} is exceeded: {'; '.join(problems)}", where=str(path), remedy=remedy)


def _benchmark(name: str, one: Measured, stage: str) -> dict[str, object]:
    candidate = one.candidate
    params = {"variant": candidate.variant, "threads": candidate.threads, "stage": stage}
    label = f"{name}[{candidate.variant or 'file'}-{candidate.threads}][{stage}]"
    percentiles = {f"p{share}_ms": one.percentile(stage, share) for share in _SHARES[:-1]}
    return {
        "group": stage,
        "name": label,
        "fullname": f"edgetl bench::{label}",
        "params": params,
        "param": "-".join(map(str, params.values())),
        "extra_info": percentiles | {"cold_ms": one.cold_ms},
        "options": {"timer": "perf_counter_ns", "warmup": True},
        "stats": _stats(one.rows[:, STAGES.index(stage)]),
    }


def _stats(rows: Milliseconds) -> dict[str, float | int | str]:
    """Returns the statistics of pytest-benchmark, s.

    Args:
        rows: the times of one stage, (N,) float64, ms.
    """
    seconds = np.sort(rows) / 1e3
    q1, median, q3 = np.percentile(seconds, (25, 50, 75)).tolist()
    low, high = q1 - 1.5 * (q3 - q1), q3 + 1.5 * (q3 - q1)
    mean, stddev = float(seconds.mean()), float(seconds.std(ddof=1)) if len(seconds) > 1 else 0.0
    far = int(((seconds < mean - stddev) | (seconds > mean + stddev)).sum())
    beyond = int(((seconds < low) | (seconds > high)).sum())
    return {
        "min": float(seconds[0]),
        "max": float(seconds[-1]),
        "mean": mean,
        "stddev": stddev,
        "rounds": len(seconds),
        "median": median,
        "iqr": q3 - q1,
        "q1": q1,
        "q3": q3,
        "iqr_outliers": beyond,
        "stddev_outliers": far,
        "outliers": f"{far};{beyond}",
        "ld15iqr": float(seconds[seconds >= low][0]),
        "hd15iqr": float(seconds[seconds <= high][-1]),
        "ops": 1 / mean if mean else 0.0,
        "total": float(seconds.sum()),
        "iterations": 1,
    }


def _medians(document: object, path: Path) -> dict[str, float]:
    """Returns the medians of a document, ms, by the names of the measurements."""
    try:
        rows = document["benchmarks"]  # type: ignore[index]
        return {str(row["name"]): 1e3 * float(row["stats"]["median"]) for row in rows}
    except (KeyError, TypeError, ValueError) as error:
        remedy = "name a file that `edgetl bench --json` or pytest-benchmark wrote"
        raise ModelError(f"this is not a benchmark document: {error!r}", where=str(path), remedy=remedy) from error
