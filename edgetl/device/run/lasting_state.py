"""Reports a state only when it has lasted, and its end only when that has lasted, too."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

State = TypeVar("State", bound=str)


@dataclass(frozen=True, slots=True)
class Change(Generic[State]):
    """A change of the reported state.

    Attributes:
        state: the state that has begun; None if the state before has ended.
        seconds: the time that the new state has lasted before the report, or for which the one before was reported, s.
    """

    state: State | None
    seconds: float


class LastingState(Generic[State]):
    """Follows a state that may come and go.

    Args:
        delay: a function that returns the time that a state lasts before it is reported, s.
        clear: the time without a state after which the reported one has ended, s.

    Attributes:
        reported: the state that was reported last; None if it has ended.
    """

    def __init__(self, delay: Callable[[State], float], clear: float) -> None:
        self.reported: State | None = None
        self._delay = delay
        self._clear = clear
        self._present: State | None = None
        self._lasted = self._reported_for = 0.0

    def add(self, state: State | None, step: float) -> Change[State] | None:
        """Takes the present state; returns a change of the reported state if there is one.

        Args:
            state: the present state; None if there is none.
            step: the time since the call before, s.
        """
        self._lasted = self._lasted + step if state == self._present else 0.0
        self._present = state
        self._reported_for += step
        needed = self._clear if state is None else self._delay(state)
        if state == self.reported or self._lasted < needed:
            return None
        seconds = self._reported_for if state is None else self._lasted
        self.reported, self._reported_for = state, 0.0
        return Change(state, seconds)
