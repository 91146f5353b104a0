"""Compares the answers and the light of a run, window by window, with those on the validation photos."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from edgetl.card import ModelCard
from edgetl.vision.results import Classification, Result
from edgetl.vision.shares import BRIGHTNESS_BINS, SCORE_BINS, histogram, mean_of, stability_index

Quantity = Literal["scores", "classes", "brightness"]
"""What is compared."""

WINDOW = 300.0
"""A window has this length, s. Shorter ones show what happens to be in front of the camera."""
_FEWEST = 100
"""A window with fewer values says nothing."""
_LIMIT = 0.25
"""Stability index above which two distributions differ much; a common rule."""
_ENDS = 0.1
"""Stability index below which a reported drift has ended; by the same rule they hardly differ."""
_IN_A_ROW = 2
"""A drift is reported if so many windows in a row differ."""
_LESS_SURE = 0.1
"""Scores drift only if their mean is lower by at least this: a camera that sees easy things is no trouble."""
_OTHER_LIGHT = 24.0
"""Brightness drifts only if its mean differs by at least this, 0..255."""
_OTHER_CLASSES = 0.2
"""Classes drift only if at least this share of the answers is of other classes, 0..1."""
_MOST_CLASSES = 10
"""The most frequent classes are compared one by one, the others together: rare ones would differ by chance."""

Histograms = Mapping[Quantity, tuple[float, ...]]


@dataclass(frozen=True, slots=True)
class Finding:
    """The beginning or the end of a drift.

    Attributes:
        quantity: the distribution that differs.
        begins: whether the drift has begun; else it has ended.
        index: the stability index of the last window.
        text: what has changed, for people; empty at the end.
    """

    quantity: Quantity
    begins: bool
    index: float
    text: str = ""


@dataclass(slots=True)
class _Window:
    """The values of a window: scores and brightness, the columns of the classes, and the answers without a class."""

    start: float
    scores: list[float] = field(default_factory=list)
    classes: list[int] = field(default_factory=list)
    brightness: list[float] = field(default_factory=list)

    def add(self, result: Result, brightness: float, nothing: int) -> None:
        rows = slice(0, 1) if isinstance(result, Classification) else slice(None)
        self.scores += result.score[rows].tolist()
        self.classes += result.class_id[rows].tolist() or [nothing]
        self.brightness.append(brightness)

    def histograms(self, classes: int) -> dict[Quantity, tuple[float, ...]]:
        """Returns the histogram of each quantity that has enough values."""
        counted = np.bincount(self.classes, minlength=classes) / max(1, len(self.classes))
        every: dict[Quantity, tuple[int, tuple[float, ...]]] = {
            "scores": (len(self.scores), histogram(self.scores, SCORE_BINS)),
            "classes": (len(self.classes), tuple(counted.tolist())),
            "brightness": (len(self.brightness), histogram(self.brightness, BRIGHTNESS_BINS, 256.0)),
        }
        return {quantity: shares for quantity, (count, shares) in every.items() if count >= _FEWEST}


class AnswerDrift:
    """Compares each window with a reference: the model's answers on its validation photos, or the run's first window.

    Scores are compared with the validation photos' if the card has them. So are classes and brightness if the first
    window is like the validation photos; if not, the camera sees another share of the classes or another light than the
    photos had, which is usual, and the first window is the reference.

    Args:
        card: the model's card.
        filtered: whether the run reports only some of the results, which can't be compared with the card's.

    Attributes:
        index: the stability index of each quantity in the last window.
        reported: the quantities whose drift has been reported and has not ended.
    """

    def __init__(self, card: ModelCard, *, filtered: bool = False) -> None:
        self.index: dict[Quantity, float] = {}
        self._labels = card.labels
        profile = None if filtered else card.validation
        self._card: Histograms = {}
        if profile is not None:
            self._card = {"scores": profile.score, "classes": profile.classes, "brightness": profile.brightness}
        self._reference: dict[Quantity, tuple[float, ...]] = {}
        self._differed: dict[Quantity, int] = {}
        self.reported: set[Quantity] = set()
        self._window: _Window | None = None

    def add(self, result: Result, brightness: float, at: float) -> Iterator[Finding]:
        """Takes a result and the brightness of its picture; yields the drifts that begin or end with it.

        Args:
            result: the result.
            brightness: the mean brightness of the picture, 0..255.
            at: the time of the frame, s.
        """
        if self._window is None:
            self._window = _Window(at)
        if at - self._window.start >= WINDOW:
            done, self._window = self._window, _Window(at)
            for quantity, shares in done.histograms(len(self._labels) + 1).items():
                yield from self._compare(quantity, shares)
        self._window.add(result, brightness, len(self._labels))

    def _compare(self, quantity: Quantity, found: tuple[float, ...]) -> Iterator[Finding]:
        expected = self._expected(quantity, found)
        index = _index(quantity, expected, found)
        self.index[quantity] = index
        text = self._difference(quantity, expected, found) if index > _LIMIT else ""
        self._differed[quantity] = self._differed.get(quantity, 0) + 1 if text else 0
        if self._differed[quantity] >= _IN_A_ROW and quantity not in self.reported:
            self.reported.add(quantity)
            yield Finding(quantity, True, index, text)
        elif index < _ENDS and quantity in self.reported:
            self.reported.discard(quantity)
            yield Finding(quantity, False, index)

    def _expected(self, quantity: Quantity, found: tuple[float, ...]) -> tuple[float, ...]:
        """Returns the reference of a quantity, which the first window decides."""
        if quantity not in self._reference:
            card = self._card.get(quantity)
            fits = card is not None and (quantity == "scores" or _index(quantity, card, found) <= _LIMIT)
            self._reference[quantity] = card if card is not None and fits else found
        return self._reference[quantity]

    def _difference(self, quantity: Quantity, expected: tuple[float, ...], found: tuple[float, ...]) -> str:
        """Returns what differs for people; an empty text if it is too little to matter."""
        if quantity == "classes":
            changes = np.array(found) - np.array(expected)
            if np.abs(changes).sum() / 2 < _OTHER_CLASSES:
                return ""
            most = int(np.abs(changes).argmax())
            name = (*self._labels, "nothing")[most]
            return f"{name} is {found[most]:.0%} of the answers, usually {expected[most]:.0%}"
        if quantity == "scores":
            now, usual = mean_of(found), mean_of(expected)
            return f"the mean score is {now:.2f}, usually {usual:.2f}" if usual - now >= _LESS_SURE else ""
        now, usual = (mean_of(shares, 256.0) for shares in (found, expected))
        text = f"the mean brightness is {now:.0f} of 255, usually {usual:.0f}"
        return text if abs(now - usual) >= _OTHER_LIGHT else ""


def _index(quantity: Quantity, expected: Sequence[float], found: Sequence[float]) -> float:
    if quantity != "classes":
        if len(expected) != len(found):  # a card of another version counted in other bins
            return 0.0
        return stability_index(expected, found)
    order = np.argsort(-np.array(expected), kind="stable")
    one, other = (_grouped(np.array(shares)[order].tolist()) for shares in (expected, found))
    return stability_index(one, other, ordered=False)


def _grouped(shares: list[float]) -> list[float]:
    """Returns the first shares, and the sum of the others."""
    return [*shares[:_MOST_CLASSES], sum(shares[_MOST_CLASSES:])]
