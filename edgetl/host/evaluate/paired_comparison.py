"""The outcome of comparing two models on the same photos: each figure of both, and the interval of its change."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from edgetl.host.evaluate.class_row import format_share, json_share
from edgetl.host.html_table import html_table
from edgetl.text import counted

Verdict = Literal["better", "worse", "undecided"]
"""Whether the new model is better or worse than the old one, or whether the photos can't tell."""

_NAMES = {"top1": "top-1", "map": "mAP50-95", "map50": "mAP50"}
"""The name of each figure for people."""
_MOST_ROWS = 50
"""At most this many classes get a line in the text for people; the JSON has all."""
_SENTENCES: dict[Verdict, str] = {
    "better": "the new model is better",
    "worse": "the new model is worse",
    "undecided": "these photos can't tell which model is better",
}


@dataclass(frozen=True, slots=True)
class PairedFigure:
    """One figure of two models on the same photos.

    Attributes:
        name: `top1`, `map` or `map50`.
        old: the figure of the old model, 0..1; NaN if it can't be computed.
        new: the figure of the new model, 0..1; NaN if it can't be computed.
        low: the lower end of the 95 % interval of the change, -1..1; NaN if it isn't known.
        high: the upper end of that interval, -1..1; NaN if it isn't known.
    """

    name: str
    old: float
    new: float
    low: float
    high: float

    @property
    def change(self) -> float:
        """The new figure less the old one, -1..1."""
        return self.new - self.old

    @property
    def verdict(self) -> Verdict:
        """Whether the interval of the change lies above 0, below 0, or around it."""
        if self.low > 0:
            return "better"
        return "worse" if self.high < 0 else "undecided"

    def to_dict(self) -> dict[str, float | None]:
        """Returns the figure as JSON-ready values."""
        names = ("old", "new", "change", "low", "high")
        return {name: json_share(getattr(self, name)) for name in names}

    def to_text(self) -> str:
        """Returns the figure as a line for people, with the change in percentage points."""
        line = f"{_NAMES[self.name]:<9} {format_share(self.old)} to {format_share(self.new)}"
        if math.isnan(self.low) or math.isnan(self.high):
            return line
        interval = f"95 % interval {100 * self.low:+.1f} to {100 * self.high:+.1f}"
        return f"{line}, {100 * self.change:+.1f} points ({interval})"


@dataclass(frozen=True, slots=True)
class PairedClass:
    """One class, as two models know it.

    Attributes:
        label: the name of the class.
        count: the number of its photos, or of its boxes for a detector.
        old: the recall of the old model, or its mAP50-95, 0..1; NaN if the old model doesn't know the class.
        new: the same figure of the new model.
    """

    label: str
    count: int
    old: float
    new: float


@dataclass(frozen=True, slots=True)
class ModelComparison:
    """Two models on the same photos.

    Example:
        >>> import edgetl
        >>> compared = edgetl.compare_models("parts@1", "parts", "photos")
        >>> compared.figures[0].name, compared.verdict
        ('top1', 'undecided')

    Attributes:
        old: the name of the old model.
        new: the name of the new model.
        photos: the number of photos.
        figures: the figures; the first one decides.
        classes: the classes that the photos show.
        only_old: the number of photos that the old model alone recognises; None for detectors.
        only_new: the number of photos that the new model alone recognises; None for detectors.
        notes: sentences about what limits the comparison.
    """

    old: str
    new: str
    photos: int
    figures: tuple[PairedFigure, ...]
    classes: tuple[PairedClass, ...]
    only_old: int | None = None
    only_new: int | None = None
    notes: tuple[str, ...] = ()

    @property
    def verdict(self) -> Verdict:
        """The verdict of the first figure."""
        return self.figures[0].verdict

    def to_dict(self) -> dict[str, object]:
        """Returns the comparison as JSON-ready values."""
        classes = {
            row.label: {self._unit: row.count, "old": json_share(row.old), "new": json_share(row.new)}
            for row in self.classes
        }
        return {
            "old": self.old,
            "new": self.new,
            "photos": self.photos,
            "verdict": self.verdict,
            "figures": {figure.name: figure.to_dict() for figure in self.figures},
            "only_old": self.only_old,
            "only_new": self.only_new,
            "classes": classes,
            "notes": list(self.notes),
        }

    def to_text(self) -> str:
        """Returns the comparison as a table for people."""
        lines = [self._headline(), *(f"  {figure.to_text()}" for figure in self.figures)]
        if self.only_new is not None and self.only_old is not None:
            lines.append(f"  right: {self.only_new} by the new model alone, {self.only_old} by the old one alone")
        if len(self.classes) <= _MOST_ROWS:
            width = max((len(row.label) for row in self.classes), default=0)
            noun = "recall" if self._unit == "photos" else "AP"
            lines += [
                f"  {row.label:<{width}}  {row.count:>5} {self._unit}  {noun} {format_share(row.old)} to"
                f" {format_share(row.new)}"
                for row in self.classes
            ]
        return "\n".join([*lines, *(f"  {note}" for note in self.notes), _SENTENCES[self.verdict]])

    @property
    def _unit(self) -> str:
        return "boxes" if self.only_new is None else "photos"

    def _headline(self) -> str:
        return f"{self.new} compared with {self.old} on the same {counted(self.photos, 'photo')}"

    def __str__(self) -> str:
        return self.to_text()

    def _repr_html_(self) -> str:
        rows = [[row.label, row.count, format_share(row.old), format_share(row.new)] for row in self.classes]
        notes = [*(figure.to_text() for figure in self.figures), *self.notes, _SENTENCES[self.verdict]]
        return html_table(self._headline(), ["class", self._unit, self.old, self.new], rows, notes)
