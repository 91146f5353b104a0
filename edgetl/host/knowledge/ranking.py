"""Defines the ranking of starts: what each is worth on a data set, as a table for people and as JSON."""

from __future__ import annotations

import shlex
from dataclasses import asdict, dataclass
from typing import Literal

from edgetl.host.html_table import html_table
from edgetl.host.probe.folds import Estimate
from edgetl.text import counted, printable

Verdict = Literal["default", "helps", "no better", "hurts", "unusable"]
"""The value of a start: the default itself, better, about equal, worse, or impossible to rank."""

_WORDS: dict[Verdict, str] = {
    "default": "the default",
    "helps": "helps",
    "no better": "no better than the default",
    "hurts": "hurts",
    "unusable": "can't be used",
}
"""The verdicts for people."""
_COLUMNS = ("start", "accuracy", "verdict", "network", "ms", "kB", "trained on")


@dataclass(frozen=True, slots=True)
class RankedStart:
    """A start with its value on a data set.

    Attributes:
        weights: the value of `--weights` that takes it.
        trained_on: what it was trained on, for people.
        backbone: the backbone's name; empty if it isn't known.
        alpha: the backbone's width multiplier.
        verdict: its value in a word: `helps` if the interval of `gain` lies above 0, `hurts` if it lies below.
        accuracy: the cross-validated accuracy of simple heads on its features, 0..1; None if it is unusable.
        gain: the accuracy minus that of the default on the same photos, -1..1; None if it is unusable.
        milliseconds: the median time of one inference of an int8 file of the network on this machine, ms; None if it
            isn't known.
        kilobytes: the size of that file, kB; None if it isn't known.
        problem: the reason why it can't be ranked; empty if it can.
    """

    weights: str
    trained_on: str
    backbone: str
    alpha: float
    verdict: Verdict
    accuracy: Estimate | None = None
    gain: Estimate | None = None
    milliseconds: float | None = None
    kilobytes: float | None = None
    problem: str = ""

    @property
    def words(self) -> str:
        """The verdict for people, with the gain in points and its 90 % interval."""
        if self.gain is None or self.verdict == "default":
            return _WORDS[self.verdict]
        gain = self.gain
        return f"{_WORDS[self.verdict]}: {_points(gain.mean)} ({_points(gain.low)} to {_points(gain.high)})"

    @property
    def network(self) -> str:
        """The backbone and its width multiplier; empty if they aren't known."""
        return f"{self.backbone} {self.alpha:g}" if self.backbone else ""


@dataclass(frozen=True, slots=True)
class Ranking:
    """The starts for a data set, the best one first, and those that can't be used at the end.

    Example:
        >>> import edgetl
        >>> ranking = edgetl.rank_starts("photos", size=96, costs=False)
        >>> ranking.default.weights
        'starter'
        >>> "none" in [start.weights for start in ranking.starts]
        True

    Attributes:
        data: the data set's folder, as it was given.
        photos: the number of training photos, or of crops of a detector's training photos, that the starts were
            judged by.
        classes: the number of classes; the background is one of those of crops.
        size: the height and width of the input of a training, px.
        starts: the starts.
    """

    data: str
    photos: int
    classes: int
    size: int
    starts: tuple[RankedStart, ...]

    @property
    def best(self) -> RankedStart:
        """The start with the highest accuracy."""
        return self.starts[0]

    @property
    def default(self) -> RankedStart:
        """The start that `--weights auto` takes without a download."""
        return next(start for start in self.starts if start.verdict == "default")

    def to_dict(self) -> dict[str, object]:
        """Returns the ranking as JSON-ready values."""
        return asdict(self)

    def to_text(self) -> str:
        """Returns the ranking as a table for people."""
        rows = [_COLUMNS, *map(_cells, self.starts)]
        widths = [max(len(row[i]) for row in rows) for i in range(len(_COLUMNS))]
        lines = ("  ".join(f"{cell:<{w}}" for cell, w in zip(row, widths, strict=True)).rstrip() for row in rows)
        return "\n".join([self._headline(), *lines, *self._problems(), self.conclusion()])

    def conclusion(self) -> str:
        """Returns what to begin with, as a sentence."""
        helpful = [start for start in self.starts if start.verdict == "helps"]
        if not helpful:
            return f"No start is surely better than the default, {self.default.weights}."
        best = self.best if self.best in helpful else helpful[0]
        network = f" --backbone {best.backbone} --alpha {best.alpha:g}"
        more = "" if best.network == self.default.network else network
        data, weights = shlex.quote(self.data), shlex.quote(best.weights)
        command = f"edgetl train {data} --weights {weights}{more} --size {self.size}"
        return printable(f"The best start is {best.weights}: `{command}` takes it.")

    def _problems(self) -> list[str]:
        return [printable(f"{row.weights} can't be used: {row.problem}") for row in self.starts if row.problem]

    def _headline(self) -> str:
        photos, classes = counted(self.photos, "photo"), counted(self.classes, "class", "classes")
        return f"Starts for {printable(self.data)}, by {photos} of {classes}; accuracies with their 90 % interval:"

    def __str__(self) -> str:
        return self.to_text()

    def _repr_html_(self) -> str:
        notes = [*self._problems(), self.conclusion()]
        return html_table(self._headline(), _COLUMNS, [_cells(start) for start in self.starts], notes)


def _cells(start: RankedStart) -> tuple[str, ...]:
    found = start.accuracy
    cells = (
        start.weights,
        f"{found.mean:.1%} ({max(0.0, found.low):.1%} to {min(1.0, found.high):.1%})" if found else "",
        start.words,
        start.network,
        "" if start.milliseconds is None else f"{start.milliseconds:.2f}",
        "" if start.kilobytes is None else f"{start.kilobytes:.0f}",
        start.trained_on,
    )
    return tuple(printable(cell) for cell in cells)


def _points(share: float) -> str:
    return f"{100 * share:+.1f}"
