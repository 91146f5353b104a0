"""What `edgetl tune` measured, and the file beside `bundle.json` that keeps it."""

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
"""Beside `bundle.json`: what was measured here."""

_SCHEMA = 1
TIE = 1.03
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
            if other_ms and ms > TIE * other_ms:
                found.append(f"{variant} is slower here than {other}: {ms:.2f} ms, {other_ms:.2f}; threads: {threads}")
        return found


def require_writable(folder: Path) -> None:
    """Passes if a bundle's folder can be written to, so that nothing is measured in vain.

    Raises:
        UsageError: it can't.
    """
    if folder.is_dir() and not os.access(folder, os.W_OK):
        what = f"the measurement could not be kept: you may not write {FILE} into the bundle's folder"
        remedy = f"tune a copy of your own (`cp -r {folder} .`), or as the user whom the folder belongs to"
        raise UsageError(what, where=str(folder), remedy=remedy)


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


def _digest(document: dict[str, object]) -> str:
    return hashlib.sha256(json.dumps(document, sort_keys=True).encode()).hexdigest()
