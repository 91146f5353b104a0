"""The settings of the observer: objects to track, zones, lines, and smoothed labels."""

from __future__ import annotations

from dataclasses import dataclass

from edgetl.card import ModelCard
from edgetl.errors import UsageError
from edgetl.vision.zones import Line, Zone


@dataclass(frozen=True, slots=True)
class SceneSettings:
    """The settings of a `SceneObserver`.

    Attributes:
        track: whether a detector's objects are tracked. Without zones and lines, events say which objects appear and
            are gone.
        zones: the zones whose entering and leaving objects are reported.
        lines: the lines across which objects are counted.
        smooth: number of a classifier's last results of which the majority is reported.
        every: time within which events of one kind, class and place come at most once, s; 0 sets no limit. Objects are
            counted all the same.

    Raises:
        UsageError: two zones or two lines have the same name.
    """

    track: bool = False
    zones: tuple[Zone, ...] = ()
    lines: tuple[Line, ...] = ()
    smooth: int = 1
    every: float = 0.0

    def __post_init__(self) -> None:
        for option, places in (("--zone", self.zones), ("--count", self.lines)):
            names = [place.name for place in places]
            if duplicates := {name for name in names if names.count(name) > 1}:
                what = f"{option} is given twice with the name {min(duplicates)!r}"
                raise UsageError(what, remedy="give each a name of its own")

    @property
    def tracks(self) -> bool:
        """Whether objects are tracked."""
        return self.track or bool(self.zones or self.lines)

    def refuse_misplaced(self, card: ModelCard) -> None:
        """Raises a UsageError if a setting is for another kind of model."""
        misplaced: dict[str, object] = {"--track": self.track, "--zone": self.zones, "--count": self.lines}
        kind, purpose = "classifier", "follows a detector's objects"
        if card.task == "detection":
            misplaced, kind = {"--smooth": self.smooth > 1}, "detector"
            purpose = "steadies a classifier's label"
        for option, value in misplaced.items():
            if value:
                remedy = f"leave {option} out" + (", or use --track" if kind == "detector" else "")
                raise UsageError(f"{option} {purpose}, and this model is a {kind}", where=card.name, remedy=remedy)
