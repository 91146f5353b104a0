"""Declares how a long measurement reports its progress to a caller on the device."""

from __future__ import annotations

from collections.abc import Callable

Step = Callable[[str, int, int], None]
"""A function that is called with the name of the work, the number of parts that are done, and the number of all parts.
"""


def no_steps(work: str, done: int, total: int) -> None:
    """Ignores a report of progress.

    Args:
        work: the name of the work.
        done: the number of parts that are done.
        total: the number of all parts.
    """
