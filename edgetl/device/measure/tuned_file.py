"""Stores the measurement of `edgetl tune` in a file beside `bundle.json`, and reads it back."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
from dataclasses import dataclass
from pathlib import Path

from edgetl import schema
from edgetl.bundle import MANIFEST
from edgetl.device.measure.machine import Machine
from edgetl.document import check_version, read_json
from edgetl.errors import ModelError, UsageError
from edgetl.files import sha256_of, write_atomic

FILE = "tuned.json"
"""The name of the file with the measurement, in the bundle's folder."""

_SCHEMA = 1
TIE = 1.03
"""Times whose ratio is below this count as equal, because a repetition differs by as much; then fewer threads win, and
the target's preference."""

_REMEDY = "run `edgetl tune` again: it measures, and replaces the file"


@dataclass(frozen=True, slots=True)
class Trial:
    """A variant with a number of threads.

    Attributes:
        variant: the variant's name.
        threads: the number of threads for inference.
        p50_ms: the median time from frame to result, ms; None if it wasn't measured.
        p95_ms: the 95th percentile of the time from frame to result, ms; None if it wasn't measured.
        reason: the reason why the variant is left out; empty if it is a candidate.
    """

    variant: str
    threads: int
    p50_ms: float | None = None
    p95_ms: float | None = None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Tuning:
    """The measurement of a bundle's variants on one machine.

    Attributes:
        machine: the machine.
        bundle_sha256: the SHA-256 of the bundle's manifest, as hex.
        variant: the name of the fastest variant.
        threads: the number of threads with which it was fastest.
        trials: the trials of all variants with all numbers of threads; never empty.
        schema: the version of this document's schema.
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
            if other_ms and ms > TIE * other_ms:
                found.append(f"{variant} is slower here than {other}: {ms:.2f} ms, {other_ms:.2f}; threads: {threads}")
        return found


def require_writable(folder: Path) -> None:
    """Checks before a measurement that its result can be stored.

    Args:
        folder: the bundle's folder.

    Raises:
        UsageError: the user may not write into the folder.
    """
    if folder.is_dir() and not os.access(folder, os.W_OK):
        what = f"the measurement could not be stored: you may not write {FILE} into the bundle's folder"
        remedy = f"tune a copy of your own (`cp -r {folder} .`), or as the user who owns the folder"
        raise UsageError(what, where=str(folder), remedy=remedy)


def remember(folder: Path, tuning: Tuning) -> None:
    """Stores a measurement in the bundle's folder.

    Args:
        folder: the bundle's folder.
        tuning: the measurement.

    Raises:
        EdgetlError: the folder can't be written to, or the disk is full.
    """
    document = tuning.to_dict()
    write_atomic(folder / FILE, json.dumps(document | {"sha256": _digest(document)}, indent=2) + "\n")


def recall(folder: Path) -> Tuning | None:
    """Returns the stored measurement of this bundle on this machine.

    Args:
        folder: the bundle's folder.

    Returns:
        The measurement; None if there is none, or it is of another machine or of another version of the bundle.

    Raises:
        ModelError: the file was edited or cut short, or another version of edgetl wrote it.
    """
    path = folder / FILE
    if not path.is_file():
        return None
    document = read_json(path)
    check_version(document, _SCHEMA, str(path))
    assert isinstance(document, dict)  # others have no version and were refused
    try:
        if document.pop("sha256", None) != _digest(document):
            raise schema.SchemaError("it was edited, its own SHA-256 differs")
        tuning = schema.parse(Tuning, document)
    except schema.SchemaError as error:
        raise ModelError(f"{FILE} is not valid: {error}", where=str(path), remedy=_REMEDY) from error
    same = (tuning.machine, tuning.bundle_sha256) == (Machine.here(), sha256_of(folder / MANIFEST))
    return tuning if same else None


def _digest(document: dict[str, object]) -> str:
    return hashlib.sha256(json.dumps(document, sort_keys=True).encode()).hexdigest()
