"""Reads and writes `history.jsonl`, the list of the device's switches from one release to another."""

from __future__ import annotations

import json
import os
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from edgetl.device.release.device_lock import now
from edgetl.device.release.digests import DIGEST
from edgetl.files import friendly_os_errors

PROVED: Final = "proved"
"""The outcome of a switch whose release gave results for the time of its watch."""
ROLLED_BACK: Final = "rolled back"
"""The outcome of a switch whose release failed, so that the earlier one came back."""
BY_HAND: Final = "by hand"
"""The outcome of a switch to an earlier release that the user asked for."""


@dataclass(frozen=True, slots=True)
class Switch:
    """A switch from one release to another.

    Attributes:
        time: the time of its end, ISO 8601, UTC.
        release: the digest of the release that was switched to.
        previous: the digest of the release before; None if there was none.
        outcome: `PROVED`, `ROLLED_BACK` or `BY_HAND`.
    """

    time: str
    release: str
    previous: str | None
    outcome: str


def read_history(root: Path) -> list[Switch]:
    """Returns the switches, the oldest first; a line that a power cut has cut short is left out.

    Args:
        root: the folder `~/edgetl`.
    """
    found = []
    with suppress(FileNotFoundError):
        for line in (root / "history.jsonl").read_text(encoding="utf-8", errors="replace").splitlines():
            with suppress(ValueError, TypeError, LookupError):
                rows = json.loads(line)
                previous = rows["previous"]
                if DIGEST.fullmatch(rows["release"]) and (previous is None or DIGEST.fullmatch(previous)):
                    found.append(Switch(str(rows["time"]), rows["release"], previous, str(rows["outcome"])))
    return found


def add_switch(root: Path, release: str, previous: str | None, outcome: str) -> None:
    """Adds a switch that has ended.

    Args:
        root: the folder `~/edgetl`.
        release: the digest of the release that was switched to.
        previous: the digest of the release before; None if there was none.
        outcome: `PROVED`, `ROLLED_BACK` or `BY_HAND`.

    Raises:
        EdgetlError: the disk is full.
    """
    path = root / "history.jsonl"
    with friendly_os_errors(path), path.open("a+b") as file:
        file.seek(0, os.SEEK_END)
        whole = file.tell() == 0 or _last_byte(path) == b"\n"
        line = json.dumps(asdict(Switch(now(), release, previous, outcome))) + "\n"
        file.write(("" if whole else "\n").encode() + line.encode())
        file.flush()
        os.fsync(file.fileno())


def _last_byte(path: Path) -> bytes:
    with path.open("rb") as file:
        file.seek(-1, os.SEEK_END)
        return file.read()


def is_proved(root: Path, digest: str) -> bool:
    """Says whether the last switch to a release went well.

    Args:
        root: the folder `~/edgetl`.
        digest: the release's digest.
    """
    outcomes = [switch.outcome for switch in read_history(root) if switch.release == digest]
    return bool(outcomes) and outcomes[-1] in (PROVED, BY_HAND)


def predecessor(root: Path, digest: str | None) -> str | None:
    """Returns the release that ran before another one replaced it; None if there is none, or it was removed.

    Args:
        root: the folder `~/edgetl`.
        digest: the digest of the release that replaced it.
    """
    before = [s.previous for s in read_history(root) if s.release == digest and s.outcome == PROVED and s.previous]
    return before[-1] if before and (root / "releases" / before[-1]).is_dir() else None


def last_proved(root: Path, but: str) -> str | None:
    """Returns the release that went well last and is still here; None if there is none.

    Args:
        root: the folder `~/edgetl`.
        but: the digest of a release that doesn't count.
    """
    for switch in reversed(read_history(root)):
        known = switch.previous if switch.outcome == ROLLED_BACK else switch.release
        if known and known != but and is_proved(root, known) and (root / "releases" / known).is_dir():
            return known
    return None
