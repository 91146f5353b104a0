"""How many threads a model runs with, and how many cores this process may use."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from edgetl.errors import UsageError
from edgetl.target import MOST_THREADS

if TYPE_CHECKING:  # `edgetl doctor` runs without OpenCV, which bundles need
    from edgetl.bundle import Bundle

_TRIED = (1, 2, 4)
"""`edgetl tune` tries these numbers of threads, because a small computer has at most four cores."""


def cores() -> int:
    """Returns how many cores this process may use, at least 1."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def thread_count(requested: int | None, bundle: Bundle | None) -> int:
    """Returns the number of threads for inference: as requested, else that of the bundle's target, else 1.

    Args:
        requested: the number that the user gave; None if the user gave none.
        bundle: the bundle of the model; None for a single model file.

    Raises:
        UsageError: the number is below 1, or more than a runtime can start.
    """
    if requested is None:
        return bundle.manifest.threads if bundle else 1
    if type(requested) is not int or not 1 <= requested <= MOST_THREADS:
        what = f"the number of threads must be 1 to {MOST_THREADS}, got {requested!r}"
        raise UsageError(what, remedy="choose the number of the machine's cores, or fewer")
    return requested


def model_count(requested: int | None, bundle: Bundle | None) -> int:
    """Returns how many models process the frames of a film or of photos at once, with one thread each.

    There are as many as there would be threads, and no more than there are cores.

    Args:
        requested: the number that the user gave, at least 1; None if the user gave none.
        bundle: the bundle of the model; None for a single model file.
    """
    return min(thread_count(requested, bundle), cores())


def counts_to_try() -> tuple[int, ...]:
    """Returns the numbers of threads that are worth trying on this machine, in ascending order."""
    return tuple(count for count in _TRIED if count <= cores())
