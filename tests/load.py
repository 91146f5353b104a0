"""Time bounds that hold beside other work: what other work costs is measured and taken off."""

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
