"""Plans a comparison: with how many photos, in which ways and in which order it trains, and what fits into the time."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np

from edgetl.host.knowledge.comparison_file import Run, Settings
from edgetl.host.knowledge.comparison_levels import Level
from edgetl.text import counted

RANDOM, HEAD, DEFAULT = "random weights", "head only", "default"
"""The names of the ways that every comparison has."""
MOST_SEEDS = 5
"""A comparison is finished after this many seeds; more would hardly narrow its intervals."""
_MOST_FIRST_LEVELS = 4
"""At most this many levels are compared first: the fewest photos, all photos, and levels in between."""
_FIRST_SHARE = 0.6
"""The first levels with one seed may take this share of the time; further levels and seeds take the rest."""
_LEAST_SHARE = 0.25
"""Fewer levels come first if otherwise the longest run would be cut to less than this share of its usual length."""
_CUTS = 0.85 ** np.arange(20)
"""The shares of the usual length that are tried, 1 to 0.05; a training that is cut further learns next to nothing."""

LEARNING_COST = 5.0
"""Learning from a photo takes about as long as to look at this many, in float32 on a CPU."""
_FIXED_SECONDS = 12.0
"""Building and compiling the network of a run takes about this long on a CPU, s."""
_PATIENT = 1.2
"""A run is begun if the time that is left is this many times its estimate, because others may use the machine too."""
_RECENT = 4
"""An estimate is corrected by the slowest of this many of the last runs."""


@dataclass(frozen=True, slots=True)
class Way:
    """A way of training.

    Attributes:
        name: the name in tables and in the file.
        weights: the value of `--weights` that it starts from.
        head_only: whether the backbone keeps its weights.
        network: the backbone's name and width multiplier; None takes those of the default.
    """

    name: str
    weights: str
    head_only: bool = False
    network: tuple[str, float] | None = None


@dataclass(frozen=True, slots=True)
class Schedule:
    """The length of a training.

    Attributes:
        epochs: the number of epochs in which the backbone learns.
        epoch_photos: the photos that an epoch shows; a detector shows few photos several times.
    """

    epochs: int
    epoch_photos: int


@dataclass(frozen=True, slots=True)
class PlannedRun:
    """A run to make.

    Attributes:
        way: the way of training.
        level: the number of photos.
        seed: the seed.
        epochs: the number of epochs.
        full: the length of the training that `edgetl train` would make.
    """

    way: Way
    level: Level
    seed: int
    epochs: int
    full: Schedule

    @property
    def key(self) -> tuple[str, int, int]:
        """What distinguishes the run from others of the comparison."""
        return self.way.name, self.level.photos, self.seed

    def describe(self) -> str:
        """Returns the run in words."""
        return f"{self.way.name}, {self.level.photos:,} photos, seed {self.seed}"


@dataclass(frozen=True, slots=True)
class Speed:
    """The speed of a machine.

    Attributes:
        learned: the photos that the network learns from in a second.
        detector: whether the network is a detector.
        validation: the number of validation photos.
    """

    learned: float
    detector: bool
    validation: int

    def seconds(self, run: PlannedRun) -> float:
        """Returns about how long a run takes, s.

        A classifier's head learns from features that are computed once, also of the mirrored photos; the frozen
        backbone of a detector looks at each photo in each epoch.

        Args:
            run: the run.
        """
        shown: float = run.epochs * run.full.epoch_photos
        if run.way.head_only:
            shown = shown / 2 if self.detector else 2 * run.level.photos / LEARNING_COST
        return _FIXED_SECONDS + (shown + self.validation / LEARNING_COST) / self.learned


class Plan:
    """The runs of a comparison in their order.

    Args:
        settings: what the runs have in common.
        levels: the numbers of photos, in ascending order.
        ways: the ways of training.
        schedule: returns the length of the training that `edgetl train` would make with so many photos.
    """

    def __init__(
        self, settings: Settings, levels: Sequence[Level], ways: Sequence[Way], schedule: Callable[[int], Schedule]
    ) -> None:
        self.ways, self.levels = tuple(ways), tuple(levels)
        self.speed = Speed(settings.speed, settings.task == "detection", settings.validation)
        first = _spread(len(levels), settings.first_levels)
        runs = [
            (seed + (place not in first), _planned(way, level, seed, schedule(level.photos), settings.shown))
            for seed, (place, level), way in product(range(MOST_SEEDS), enumerate(levels), ways)
        ]
        self.runs = [run for _, run in sorted(runs, key=lambda entry: (entry[0], self.speed.seconds(entry[1])))]

    def describe(self) -> str:
        """Returns the plan in words."""
        ways, levels = counted(len(self.ways), "way"), counted(len(self.levels), "number")
        return f"planned are {ways} to train, {levels} of photos, {MOST_SEEDS} seeds"

    def next(self, done: Iterable[Run], finished: Sequence[tuple[PlannedRun, float]], left: float) -> PlannedRun | None:
        """Returns the first run that isn't done and that fits into the time; None if there is none.

        Args:
            done: all finished runs of the comparison.
            finished: the runs that were finished just now, with their times, s.
            left: the time that is left, s.
        """
        known = {(run.way, run.photos, run.seed) for run in done}
        waiting = [run for run in self.runs if run.key not in known]
        if not known:
            return waiting[0]
        return next((run for run in waiting if _PATIENT * self.estimate(run, finished) <= left), None)

    def estimate(self, run: PlannedRun, finished: Sequence[tuple[PlannedRun, float]]) -> float:
        """Returns about how long a run takes, s, corrected by runs of the same kind, or of any kind if there are none.

        Args:
            run: the run.
            finished: the runs that were finished just now, with their times, s.
        """
        alike = [entry for entry in finished if entry[0].way.head_only == run.way.head_only] or finished
        slower = max((took / self.speed.seconds(other) for other, took in alike[-_RECENT:]), default=1.0)
        return self.speed.seconds(run) * slower


def choose_length(
    levels: Sequence[Level], ways: Sequence[Way], schedule: Callable[[int], Schedule], seconds: float, speed: Speed
) -> tuple[int, int]:
    """Chooses how long a run may be and how many levels come first, so that the first levels fit into the time.

    Args:
        levels: the numbers of photos, in ascending order.
        ways: the ways of training.
        schedule: returns the length of the training that `edgetl train` would make with so many photos.
        seconds: the time of the whole comparison, s.
        speed: the speed of this machine.

    Returns:
        The most photos that a run may show, and the number of levels.
    """
    longest = max(full.epochs * full.epoch_photos for full in map(schedule, (level.photos for level in levels)))
    fewest = min(2, len(levels))
    for count in range(min(_MOST_FIRST_LEVELS, len(levels)), fewest - 1, -1):
        first = [levels[place] for place in _spread(len(levels), count)]
        for share in _CUTS:
            shown = round(longest * float(share))
            runs = [_planned(way, level, 0, schedule(level.photos), shown) for level in first for way in ways]
            fits = sum(map(speed.seconds, runs)) <= _FIRST_SHARE * seconds
            if fits and (share >= _LEAST_SHARE or count == fewest):
                return shown, count
    return round(longest * float(_CUTS[-1])), fewest


def _planned(way: Way, level: Level, seed: int, full: Schedule, shown: int) -> PlannedRun:
    epochs = max(1, min(full.epochs, round(shown / full.epoch_photos)))
    return PlannedRun(way, level, seed, epochs, full)


def _spread(count: int, most: int) -> list[int]:
    """Returns evenly spread places of 0..count - 1, with the first and the last one; of one place, the last."""
    if most == 1:
        return [count - 1]
    return sorted({round(place) for place in np.linspace(0, count - 1, min(count, most)).tolist()})
