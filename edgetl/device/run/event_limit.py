"""Limits how often events of one kind are reported."""

from __future__ import annotations

from edgetl.device.events import Event


class EventLimit:
    """Lets an event of one kind, class and place pass at most once within a time.

    Args:
        every: the time, s; 0 lets every event pass.
    """

    def __init__(self, every: float) -> None:
        self._every = every
        self._last: dict[tuple[object, ...], float] = {}

    def allows(self, event: Event, at: float) -> bool:
        """Says whether an event may be reported now; if so, the time begins anew.

        Args:
            event: the event.
            at: the present time, s.
        """
        if not self._every:
            return True
        facts = event.facts
        key = (event.kind, facts.get("label"), facts.get("zone"), facts.get("line"), facts.get("direction"))
        if at - self._last.get(key, -self._every) < self._every:
            return False
        self._last[key] = at
        return True
