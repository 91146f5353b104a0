"""Bounds that hold beside other work and after other tests: what those cost is measured and taken off."""

from __future__ import annotations

import time
from contextlib import suppress
from pathlib import Path


def unhindered() -> float:
    """Returns seconds of a clock that stands still while this thread is ready to run but other work has its core.

    Differences between two calls of one thread can be bounded whatever else the machine does: a call that blocks
    counts in full, waiting for a core does not.
    """
    waited = 0
    with suppress(OSError):  # a system without this file: the differences are those of the plain clock
        waited = int(Path("/proc/thread-self/schedstat").read_text().split()[1])
    return time.monotonic() - waited / 1e9


def memory() -> int:
    """Returns this process's memory now, bytes; from here on `peak_memory` counts anew."""
    Path("/proc/self/clear_refs").write_text("5")
    return peak_memory()


def peak_memory() -> int:
    """Returns the most memory that this process had, bytes.

    `getrusage` is of no use for that: it begins with what the process had that this one was started from.
    """
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(next(line.split()[1] for line in lines if line.startswith("VmHWM"))) << 10
