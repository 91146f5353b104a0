"""What happens in front of the camera: objects followed, counted and told of, labels steadied."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from edgetl.card import ModelCard
from edgetl.device.camera.frame import Frame
from edgetl.device.events import Event, EventKind
from edgetl.device.observation import Observation
from edgetl.device.result_selection import ResultSelection
from edgetl.device.run.event_limit import EventLimit
from edgetl.errors import UsageError
from edgetl.vision.arrays import Image
from edgetl.vision.draw import draw, draw_zones
from edgetl.vision.filter import reaches
from edgetl.vision.results import Classification, Detections, Result
from edgetl.vision.smooth import Smoother
from edgetl.vision.track import Tracker
from edgetl.vision.zones import Line, LineCount, Zone, ZoneWatch

SLACK = 0.5
"""An object that is followed is followed down to this share of its threshold."""
STEADY = 2
"""What was seen in so many frames is there; in fewer, it may be noise."""


@dataclass(frozen=True, slots=True)
class Watched:
    """What of the picture is watched.

    Attributes:
        track: follow a detector's objects, and tell of those that appear and are gone where there are neither zones
            nor lines.
        zones: to tell of what enters and leaves.
        lines: to count across.
        smooth: results of a classifier to take the majority of.
        every: events of one kind, class and place come at most once in that time, s; counts go on.

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
            if twice := {name for name in names if names.count(name) > 1}:
                what = f"{option} is given twice with the name {min(twice)!r}"
                raise UsageError(what, remedy="give each a name of its own")

    @property
    def follows(self) -> bool:
        """Whether objects are followed."""
        return self.track or bool(self.zones or self.lines)

    def refuse_misplaced(self, card: ModelCard) -> None:
        """Raises a UsageError where something means nothing to a model."""
        given = {"--track": self.track, "--zone": self.zones, "--count": self.lines}
        kind, what_for = "classifier", "follows a detector's objects"
        if card.task == "detection":
            given, kind = {"--smooth": self.smooth > 1}, "detector"
            what_for = "steadies a classifier's label"
        for option, value in given.items():
            if value:
                remedy = f"leave {option} out" + (", or use --track" if kind == "detector" else "")
                raise UsageError(f"{option} {what_for}, and this model is a {kind}", where=card.name, remedy=remedy)


class SceneObserver:
    """Looks at each result in turn: see `edgetl.device.run.loop.Observer`.

    Args:
        watched: what it looks for.
        selection: the results that the run reports. If objects are followed, the selection gets some `SLACK`.
        live: whether the frames come from a live camera, whose times count; else the frames' numbers do.
        fps: of a film; None for photos, one a second.

    Raises:
        UsageError: something means nothing to the model.
    """

    def __init__(self, watched: Watched, selection: ResultSelection, *, live: bool, fps: float | None = None) -> None:
        card = selection.card
        watched.refuse_misplaced(card)
        self._watched = watched
        self._selection = selection
        self._live = live
        self._fps = fps or 1.0
        self._limit = EventLimit(watched.every)
        self._label = _Label(watched.smooth)
        self._zones = [ZoneWatch(zone) for zone in watched.zones]
        self._lines = [LineCount(line) for line in watched.lines]
        self._tracker = Tracker() if watched.follows and card.task == "detection" else None
        self._objects: dict[int, _Object] = {}
        if self._tracker:
            selection.update(lambda chosen: replace(chosen, slack=SLACK))
        self._threshold = selection.filter.threshold

    def __call__(self, observation: Observation) -> tuple[Observation, list[Event]]:
        """Follows the next observation.

        Returns:
            The observation, whose result has track numbers or a smoothed label; and the events, in their order.
        """
        result, events = self._follow(observation.frame, observation.result)
        return replace(observation, result=result), events

    def _follow(self, frame: Frame, result: Result) -> tuple[Result, list[Event]]:
        at = frame.captured_at if self._live else frame.index / self._fps
        if isinstance(result, Classification):
            result = self._label.steady(result)
            return result, self._label.events(result, frame, self._limit, at)
        if self._tracker is None:
            return result, []
        sure = self._sure(result)
        threshold = self._selection.filter.threshold
        if threshold != self._threshold:  # objects below a new threshold are followed no longer
            self._threshold = threshold
            result, sure = result.take(np.flatnonzero(sure)), sure[sure]
        result = self._tracker(result, at, sure)
        return result, [event for event in self._happened(frame, result, at) if self._limit.allows(event, at)]

    def draw(self, picture: Image, result: Result) -> None:
        """Draws zones, lines with their counts and the result onto a picture, in place; from any thread."""
        draw(picture, result)
        if isinstance(result, Detections):
            draw_zones(picture, self._watched.zones, [(count.line, count.passed) for count in self._lines])

    @property
    def lines(self) -> tuple[str, ...]:
        """The names of the lines that objects are counted across."""
        return tuple(line.name for line in self._watched.lines)

    def crossings(self) -> dict[str, dict[str, int]]:
        """Returns what was counted across each line so far, `{"belt": {"in": 3, "out": 1}}`; from any thread."""
        return {count.line.name: dict(zip(("in", "out"), count.passed, strict=True)) for count in self._lines}

    @property
    def totals(self) -> str:
        """What was counted across each line, a line of text each; empty without lines."""
        return "\n".join(str(count) for count in self._lines)

    def _sure(self, found: Detections) -> NDArray[np.bool_]:
        """Says which objects reach their threshold, (N,)."""
        thresholds = self._selection.filter.thresholds(self._selection.card)
        return reaches(found.score, found.class_id, thresholds)

    def _happened(self, frame: Frame, found: Detections, at: float) -> Iterator[Event]:
        assert self._tracker is not None
        assert found.track is not None
        followed = self._tracker.numbers
        new = self._know(found, at)
        steady = [self._objects[number].sightings >= STEADY for number in found.track.tolist()]
        seen = found if all(steady) else found.take(np.flatnonzero(steady))
        for zone in self._zones:
            entered, left = zone(seen, followed)
            yield from self._tell(frame, "entered", entered, "entered " + zone.zone.name, zone=zone.zone.name)
            yield from self._tell(frame, "left", left, "left " + zone.zone.name, zone=zone.zone.name)
        named = replace(found, labels=tuple(self._objects[number].label for number in _tracks(found)))
        for line in self._lines:
            for number, direction in line(named, followed):
                text = f"crossed {line.line.name}, {direction}"
                yield from self._tell(frame, "crossed", [number], text, line=line.line.name, direction=direction)
        gone = [number for number in self._objects if number not in followed]
        if not self._zones and not self._lines:
            yield from self._tell(frame, "appeared", new, "appeared")
            steady_gone = [number for number in gone if self._objects[number].sightings >= STEADY]
            yield from self._tell(frame, "gone", steady_gone, "is gone")
        for number in gone:
            del self._objects[number]

    def _know(self, found: Detections, at: float) -> list[int]:
        """Remembers the objects; returns the tracks of those that are now sure to be there."""
        new = []
        rows = zip(_tracks(found), found.labels, found.class_id.tolist(), strict=True)
        for number, label, class_id in rows:
            known = self._objects.setdefault(number, _Object())
            known.see(label, class_id)
            if known.sightings == STEADY:
                new.append(number)
        return new

    def _tell(self, frame: Frame, kind: EventKind, tracks: Iterable[int], text: str, **place: str) -> Iterator[Event]:
        for number in tracks:
            known = self._objects[number]
            facts = place | {"label": known.label, "class_id": known.class_id, "track": number}
            yield Event(kind, frame.captured_at, f"{known.label} {number} {text}", frame.index, facts)


@dataclass(slots=True)
class _Object:
    """An object that is followed; its class is the one that it was found as most often."""

    classes: Counter[tuple[str, int]] = field(default_factory=Counter)
    label: str = ""
    class_id: int = 0
    sightings: int = 0

    def see(self, label: str, class_id: int) -> None:
        self.sightings += 1
        self.classes[label, class_id] += 1
        (self.label, self.class_id), _ = self.classes.most_common(1)[0]


class _Label:
    """A classifier's label: steadied, and told when it changes."""

    def __init__(self, smooth: int) -> None:
        self._smoother = Smoother(smooth) if smooth > 1 else None
        self._told: str | None = None

    def steady(self, result: Classification) -> Classification:
        return self._smoother(result) if self._smoother else result

    def events(self, result: Classification, frame: Frame, limit: EventLimit, at: float) -> list[Event]:
        """A change, as soon as it may be told: what is held back by the limit is told later if it is still true."""
        label = result.labels[0] if len(result) else None
        if label == self._told:
            return []
        facts: dict[str, object] = {"label": label, "before": self._told}
        if len(result):
            facts |= {"class_id": int(result.class_id[0]), "score": round(float(result.score[0]), 4)}
        text = f"recognised {label}" if len(result) else "nothing is recognised any more"
        event = Event("recognised", frame.captured_at, text, frame.index, facts)
        if not limit.allows(event, at):
            return []
        self._told = label
        return [event]


def _tracks(found: Detections) -> list[int]:
    return [] if found.track is None else found.track.tolist()
