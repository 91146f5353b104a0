"""The results that a run reports: one object that belongs to the run, and that the live page changes."""

from __future__ import annotations

import threading
from collections.abc import Callable

from edgetl.card import ModelCard
from edgetl.vision.filter import ResultFilter

_EVERYTHING = ResultFilter()


class ResultSelection:
    """The threshold and the classes of a run, which may change while the run goes on.

    Lock rule: the filter is immutable and is replaced as a whole. Any thread reads it without a lock, and sees the old
    filter or the new one. Writers hold the lock while they derive the new filter, so that no change is lost. Each model
    takes over a new filter before its next frame, in the thread that runs it.

    Args:
        card: the card of the run's model.
        result_filter: the results that the run reports at first.

    Attributes:
        card: the card of the run's model.

    Raises:
        UsageError: the model has no class of that name.
    """

    def __init__(self, card: ModelCard, result_filter: ResultFilter = _EVERYTHING) -> None:
        result_filter.columns(card.labels)
        self.card = card
        self._filter = result_filter
        self._lock = threading.Lock()

    @property
    def filter(self) -> ResultFilter:
        """The results that the run reports now."""
        return self._filter

    def update(self, edit: Callable[[ResultFilter], ResultFilter]) -> None:
        """Replaces the filter; the new one applies from the next frame on.

        Args:
            edit: derives the new filter from the present one. It is called with the lock held.

        Raises:
            UsageError: the model has no class of that name, or a number is out of its range; the filter stays.
        """
        with self._lock:
            changed = edit(self._filter)
            changed.columns(self.card.labels)
            self._filter = changed
