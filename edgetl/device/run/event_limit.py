"""How often events of one kind are told."""

from __future__ import annotations

from edgetl.device.events import Event


class EventLimit:
    """Lets events of one kind, class and place through at most once in a while.

    Args:
        every: s.
    """

    def __init__(self, every: float) -> None:
        self._every = every
        self._last: dict[tuple[object, ...], float] = {}

    def allows(self, event: Event, at: float) -> bool:
        """Says whether an event may be told, and takes it for told if so."""
        if not self._every:
            return True
        facts = event.facts
        key = (event.kind, facts.get("label"), facts.get("zone"), facts.get("line"), facts.get("direction"))
        if at - self._last.get(key, -self._every) < self._every:
            return False
        self._last[key] = at
        return True
