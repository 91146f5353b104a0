"""How far a measurement is, for whoever watches it."""

from __future__ import annotations

from collections.abc import Callable

Step = Callable[[str, int, int], None]
"""Called with what is being done, how many parts of it are done, and how many there are in all."""


def no_steps(what: str, done: int, total: int) -> None:
    """Shows nothing."""
