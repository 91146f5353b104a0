"""Lets one process at a time change the device's releases; the lock names its holder."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from edgetl.locks import BusyError, lock_open
from edgetl.text import printable

_PAUSE = 0.1
"""Time between two tries to take the lock, s."""
_LEAST_WAIT = 0.3
"""A lock that is taken is tried for this time at least, s, because `is_locked` takes it for a moment."""
_LONGEST = 200
"""At most this many characters of a holder's name are shown."""


@contextmanager
def device_lock(root: Path, holder: str, wait: float = 0.0) -> Iterator[None]:
    """Holds the lock of the device's releases while the block runs.

    The kernel releases the lock when its holder ends, so that a holder that was killed blocks nobody. A program that
    the holder started without closing its files holds the lock, too: pip goes on when the holder is killed.

    Args:
        root: the folder `~/edgetl`.
        holder: the name of the holder, user@host.
        wait: the longest time to wait for another holder, s.

    Raises:
        BusyError: another process holds the lock; the message names the holder.
    """
    (root / "lock").mkdir(parents=True, exist_ok=True)
    until = time.monotonic() + max(wait, _LEAST_WAIT)
    with (root / "lock" / "holder.json").open("a") as file:
        while not lock_open(file.fileno()):
            if time.monotonic() >= until:
                what = f"another deployment is at work: {holder_text(root)}"
                raise BusyError(what, where=str(root), remedy="wait until it has ended, and deploy again")
            time.sleep(_PAUSE)
        os.set_inheritable(file.fileno(), True)
        with suppress(OSError):  # a full disk does not keep anybody from rolling back
            file.truncate(0)
            file.write(json.dumps({"holder": holder[:_LONGEST], "pid": os.getpid(), "time": now()}) + "\n")
            file.flush()
        yield


def is_locked(root: Path) -> bool:
    """Says whether a process holds the lock.

    Args:
        root: the folder `~/edgetl`.
    """
    with suppress(OSError), (root / "lock" / "holder.json").open() as file:
        return not lock_open(file.fileno())
    return False


def holder_text(root: Path) -> str:
    """Returns who holds the lock, or held it last, with the process and the time.

    Args:
        root: the folder `~/edgetl`.
    """
    with suppress(OSError, ValueError, TypeError, LookupError):
        note = json.loads((root / "lock" / "holder.json").read_text()[: 4 * _LONGEST])
        return printable(f"{note['holder']}, process {note['pid']}, since {note['time']}")
    return "an unknown process"


def now() -> str:
    """Returns the time as ISO 8601, UTC."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
