"""The button of the live page that takes a photo during `edgetl capture`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class PhotoButton:
    """A button that takes a photo, with the number of photos that were taken.

    Attributes:
        label: the class that the photos show.
        press: a function that asks for a photo; it is called in the page's event loop and returns at once.
        taken: a function that returns the number of photos that were taken.
    """

    label: str
    press: Callable[[], None]
    taken: Callable[[], int]

    def to_dict(self) -> dict[str, object]:
        """Returns what the page shows of the button, as JSON-ready values."""
        return {"label": self.label, "taken": self.taken()}
