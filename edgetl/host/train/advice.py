"""Writes the advice at the end of a training: how certain its figures are, and what would improve the model."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from edgetl.host.probe.folds import Estimate
from edgetl.host.probe.photo_review import PhotoReview
from edgetl.host.report.review_sentences import gain_sentence, suspects_sentence
from edgetl.host.train.checkpoint import Row
from edgetl.text import counted

WIDE = 0.1
"""A confidence interval wider than this, 0..1, can't tell trainings apart that differ by a few points."""
_HALF_WIDTH = 0.05
"""The number of validation photos is estimated for an interval of this half width, 0..1."""
_GAP = 0.1
"""A model overfits if its figure on training photos is higher by more than this, 0..1, and above the interval."""
_LOW = 0.8
"""A model learns too little if its figure on training photos is below this, 0..1."""
_FEW = 50
"""A class should have at least this many training photos, or a detector's class this many boxes."""
_FEW_BOXES = 10
"""A display threshold that was chosen from fewer boxes than this is a guess."""
_FEW_RESAMPLED = 20
"""An interval that was found by resampling fewer photos than this is too narrow."""
_LATE = 0.9
"""More epochs may help if the best one lies beyond this share of the last stage, 0..1."""
_MOST_NAMED = 5
"""At most this many classes are named in a sentence."""


@dataclass(frozen=True, slots=True)
class Facts:
    """The facts that the advice follows from.

    Attributes:
        figure: the name of the figure.
        value: the figure of the stored model on the validation photos, 0..1.
        interval: the 95 % confidence interval of the figure, 0..1; NaN if it isn't known.
        photos: the number of validation photos.
        on_training: the figure on training photos without augmentation, 0..1; NaN if it isn't known.
        counts: the number of training photos, or of their boxes, by class.
        rows: the history, a row for each epoch.
        best: the position in `rows` of the epoch whose weights are stored; negative if there is none.
        column: the history's column that holds the figure.
        epochs: the number of epochs that the last stage was to have.
        boxes: the number of validation boxes that each class's display threshold was chosen from; empty for a
            classifier.
        review: what the training found out about its photos; None if it didn't look.
    """

    figure: Literal["top-1", "mAP"]
    value: float
    interval: tuple[float, float]
    photos: int
    on_training: float
    counts: Mapping[str, int]
    rows: Sequence[Row]
    best: int
    column: str
    epochs: int
    boxes: Mapping[str, int] = field(default_factory=dict)
    review: PhotoReview | None = None

    @property
    def gain(self) -> Estimate | None:
        """The expected gain from twice the photos, 0..1; None if it isn't known."""
        return self.review.gain if self.review else None

    @property
    def overfits(self) -> bool:
        """Whether the figure on training photos is higher by more than the measuring error."""
        high = self.value if math.isnan(self.interval[1]) else self.interval[1]
        return self.on_training - self.value > _GAP and self.on_training > high

    @property
    def learns_too_little(self) -> bool:
        """Whether the figure is low even on training photos."""
        return self.on_training < _LOW

    @property
    def best_is_late(self) -> bool:
        """Whether the best epoch is one of the last that the training was to have."""
        if not self.rows or not self.epochs or int(self.rows[-1]["epoch"]) < self.epochs:
            return False
        best = self.rows[self.best] if 0 <= self.best < len(self.rows) else self.rows[-1]
        return best["stage"] == self.rows[-1]["stage"] and float(best["epoch"]) > _LATE * self.epochs


def advise(facts: Facts) -> list[str]:
    """Returns the advice as sentences: how certain the figure is, whether it overfits, and what would improve it."""
    return [
        *_certainty(facts),
        *_fit(facts),
        *_more_photos(facts),
        *_suspects(facts),
        *_best_epoch(facts),
        *_ending(facts),
        *_thresholds(facts),
    ]


def _certainty(facts: Facts) -> list[str]:
    low, high = facts.interval
    if math.isnan(low) or not facts.photos:
        return []
    sentence = (
        f"The {facts.figure} of {facts.value:.1%} was measured on {counted(facts.photos, 'photo')}: with 95 % "
        f"confidence it lies between {low:.1%} and {high:.1%}."
    )
    if facts.boxes and facts.photos < _FEW_RESAMPLED:
        sentence += " With so few photos the real range is wider."
    if high - low <= WIDE:
        return [sentence]
    share = min(max(facts.value, 0.1), 0.9)
    enough = max(math.ceil(share * (1 - share) * (1.96 / _HALF_WIDTH) ** 2 / 10) * 10, facts.photos + 10)
    more = f" About {enough} validation photos would narrow that to 5 points on either side." if not facts.boxes else ""
    return [f"{sentence} Trainings whose figures differ by less can't be told apart.{more}"]


def _fit(facts: Facts) -> list[str]:
    trained = facts.on_training
    if math.isnan(trained):
        return []
    both = f"the {facts.figure} is {trained:.1%} on photos that it was trained on and {facts.value:.1%} on others"
    if facts.overfits:
        if facts.gain:  # another sentence says what more photos bring
            return [f"The model overfits: {both}. A larger --augment or a smaller --alpha can help."]
        return [
            f"The model overfits: {both}. More photos, taken in other places and light, help most; a larger --augment "
            "or a smaller --alpha can also help."
        ]
    if facts.learns_too_little:
        return [
            f"The model learns too little: {both}. More --epochs, pretrained --weights, a larger --alpha or --size can "
            "help."
        ]
    return [f"There is no sign of overfitting: {both}."]


def _more_photos(facts: Facts) -> list[str]:
    """Returns what more photos would bring; where that isn't known, the classes that have few."""
    if facts.review and facts.review.gain:
        return [gain_sentence(facts.review)]
    few = {label: count for label, count in facts.counts.items() if count < _FEW}
    if not few:
        return []
    things = "boxes" if facts.boxes else "training photos"
    return [f"Few {things}: {_named(few)}. A class should have {_FEW} or more to begin with."]


def _suspects(facts: Facts) -> list[str]:
    return [suspects_sentence(facts.review)] if facts.review and facts.review.suspects else []


def _best_epoch(facts: Facts) -> list[str]:
    if not 0 <= facts.best < len(facts.rows):
        return []
    row = facts.rows[facts.best]
    before = {str(other["stage"]): other for other in facts.rows if other["stage"] != row["stage"]}
    others = [f"{stage} reached {_highest(facts, stage):.1%}" for stage in before]
    beside = f" ({'; '.join(others)})" if others else ""
    value = _value(facts, row)
    highest = max(_highest(facts, stage) for stage in {str(other["stage"]) for other in facts.rows})
    last = facts.rows[-1]["stage"] == row["stage"]
    remarks = "" if last else " Training the backbone as well gained nothing."
    if highest > value:
        remarks += (
            f" The highest was {highest:.1%}, which is within the measuring error; the epoch with the higher "
            "likelihood of the right classes was preferred."
        )
    return [
        f"The stored weights are those of epoch {row['epoch']:g} of stage {row['stage']}: {value:.1%}{beside}.{remarks}"
    ]


def _highest(facts: Facts, stage: str) -> float:
    values = (_value(facts, row) for row in facts.rows if row["stage"] == stage)
    return max((value for value in values if not math.isnan(value)), default=math.nan)


def _value(facts: Facts, row: Row) -> float:
    value = row.get(facts.column, "")
    return math.nan if value == "" else float(value)


def _ending(facts: Facts) -> list[str]:
    if not facts.rows or not facts.epochs:
        return []
    last = facts.rows[-1]
    trained = int(last["epoch"])
    if trained < facts.epochs:
        return [
            f"The training stopped after epoch {trained} of {facts.epochs}, because the validation did not improve any "
            "more (--patience)."
        ]
    more = " The best epoch is one of the last: more --epochs can help." if facts.best_is_late else ""
    return [f"The training went through all of its {counted(facts.epochs, 'epoch')}.{more}"]


def _thresholds(facts: Facts) -> list[str]:
    few = {label: count for label, count in facts.boxes.items() if count < _FEW_BOXES}
    if not few:
        return []
    return [f"Display thresholds chosen from few boxes are guesses: {_named(few)}. More validation photos help."]


def _named(counts: Mapping[str, int]) -> str:
    """Returns the classes with the smallest counts, and how many more there are."""
    ordered = sorted(counts.items(), key=lambda item: (item[1], item[0]))
    rest = len(ordered) - _MOST_NAMED
    text = ", ".join(f"{label} {count}" for label, count in ordered[:_MOST_NAMED])
    return f"{text} and {rest} more" if rest > 0 else text
