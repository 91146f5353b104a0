"""Follows what happens in front of the camera: tracks objects, counts them across lines, and derives events."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace

import numpy as np

from edgetl.device.camera.frame import Frame, FrameClock
from edgetl.device.events import Event, EventKind
from edgetl.device.observation import Observation
from edgetl.device.result_selection import ResultSelection
from edgetl.device.run.event_limit import EventLimit
from edgetl.device.run.label_observer import LabelObserver
from edgetl.device.run.scene_settings import SceneSettings
from edgetl.vision.arrays import Image, Mask
from edgetl.vision.crossings import LineCount, ZoneWatch
from edgetl.vision.draw import draw, draw_zones
from edgetl.vision.filter import reaches
from edgetl.vision.results import Classification, Detections, Result
from edgetl.vision.track import Tracker

SLACK = 0.5
"""Share of its threshold down to which a tracked object may fall without losing its track."""
LEAST_SIGHTINGS = 2
"""Number of frames in which an object must have been found before it is reported; a single one may be noise."""


class SceneObserver:
    """Follows the observations of a run; see `edgetl.device.run.loop.Observer`.

    Lock rule: no lock. Only the run's thread calls the observer. `draw` and `crossings` may be called from any thread:
    they read immutable values that the run's thread replaces as a whole, so a count may be one frame old.

    Args:
        settings: the objects, zones, lines and labels to follow.
        selection: the results that the run reports. If objects are tracked, the selection gets some `SLACK`.
        live: whether the frames come from a live camera. Its time counts; in a film the frames' numbers count.
        fps: number of frames a second of a film; None for photos, which count as one a second.

    Raises:
        UsageError: a setting is for another kind of model.
    """

    def __init__(
        self, settings: SceneSettings, selection: ResultSelection, *, live: bool, fps: float | None = None
    ) -> None:
        card = selection.card
        settings.refuse_misplaced(card)
        self._settings = settings
        self._selection = selection
        self._clock = FrameClock(live, fps)
        self._limit = EventLimit(settings.every)
        self._label = LabelObserver(settings.smooth, self._limit)
        self._zones = [ZoneWatch(zone) for zone in settings.zones]
        self._lines = [LineCount(line) for line in settings.lines]
        self._tracker = Tracker() if settings.tracks and card.task == "detection" else None
        self._objects: dict[int, _TrackedObject] = {}
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
        at = self._clock(frame)
        if isinstance(result, Classification):
            result = self._label.smooth(result)
            return result, self._label.events(result, frame, at)
        if self._tracker is None:
            return result, []
        above = self._above_threshold(result)
        threshold = self._selection.filter.threshold
        if threshold != self._threshold:  # objects below a new threshold are no longer tracked
            self._threshold = threshold
            result, above = result.take(np.flatnonzero(above)), above[above]
        result = self._tracker(result, at, above)
        events = self._events(frame, result, self._tracker.numbers)
        return result, [event for event in events if self._limit.allows(event, at)]

    def draw(self, picture: Image, result: Result) -> None:
        """Draws zones, lines with their counts, and the result.

        Args:
            picture: the picture to draw on, (H, W, 3) uint8 BGR.
            result: the result of the picture.
        """
        draw(picture, result)
        if isinstance(result, Detections):
            draw_zones(picture, self._settings.zones, [(count.line, count.passed) for count in self._lines])

    @property
    def lines(self) -> tuple[str, ...]:
        """The names of the lines across which objects are counted."""
        return tuple(line.name for line in self._settings.lines)

    def crossings(self) -> dict[str, dict[str, int]]:
        """Returns the objects counted across each line so far, as `{"belt": {"in": 3, "out": 1}}`."""
        return {count.line.name: dict(zip(("in", "out"), count.passed, strict=True)) for count in self._lines}

    @property
    def totals(self) -> str:
        """The objects counted across each line, one line of text for each; empty without lines."""
        return "\n".join(str(count) for count in self._lines)

    def _above_threshold(self, found: Detections) -> Mask:
        """Returns which objects reach the threshold of their class, (N,) bool."""
        thresholds = self._selection.filter.thresholds(self._selection.card)
        return reaches(found.score, found.class_id, thresholds)

    def _events(self, frame: Frame, found: Detections, tracked: frozenset[int]) -> Iterator[Event]:
        appeared = self._update_objects(found)
        visible = _tracks(found)
        certain = [self._is_certain(number) for number in visible]
        shown = found if all(certain) else found.take(np.flatnonzero(certain))
        for zone in self._zones:
            name = zone.zone.name
            entered, left = zone(shown, tracked)
            yield from self._object_events(frame, "entered", entered, "entered " + name, zone=name)
            yield from self._object_events(frame, "left", left, "left " + name, zone=name)
        relabelled = replace(found, labels=tuple(self._objects[number].label for number in visible))
        for line in self._lines:
            name = line.line.name
            for number, direction in line(relabelled, tracked):
                text = f"crossed {name}, {direction}"
                yield from self._object_events(frame, "crossed", [number], text, line=name, direction=direction)
        gone = [number for number in self._objects if number not in tracked]
        if not self._zones and not self._lines:
            yield from self._object_events(frame, "appeared", appeared, "appeared")
            yield from self._object_events(frame, "gone", filter(self._is_certain, gone), "is gone")
        for number in gone:
            del self._objects[number]

    def _is_certain(self, number: int) -> bool:
        return self._objects[number].sightings >= LEAST_SIGHTINGS

    def _update_objects(self, found: Detections) -> list[int]:
        """Counts the objects' sightings; returns the tracks of those that have just become certain."""
        appeared = []
        rows = zip(_tracks(found), found.labels, found.class_id.tolist(), strict=True)
        for number, label, class_id in rows:
            known = self._objects.setdefault(number, _TrackedObject())
            known.add_sighting(label, class_id)
            if known.sightings == LEAST_SIGHTINGS:
                appeared.append(number)
        return appeared

    def _object_events(
        self, frame: Frame, kind: EventKind, tracks: Iterable[int], text: str, **place: str
    ) -> Iterator[Event]:
        for number in tracks:
            known = self._objects[number]
            facts = place | {"label": known.label, "class_id": known.class_id, "track": number}
            yield Event(kind, frame.captured_at, f"{known.label} {number} {text}", frame.index, facts)


@dataclass(slots=True)
class _TrackedObject:
    """A tracked object; its class is the class that it was found as most often."""

    classes: Counter[tuple[str, int]] = field(default_factory=Counter)
    label: str = ""
    class_id: int = 0
    sightings: int = 0

    def add_sighting(self, label: str, class_id: int) -> None:
        self.sightings += 1
        self.classes[label, class_id] += 1
        (self.label, self.class_id), _ = self.classes.most_common(1)[0]


def _tracks(found: Detections) -> list[int]:
    return [] if found.track is None else found.track.tolist()
