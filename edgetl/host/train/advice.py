"""What a person should know where a training ends, in plain sentences."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from edgetl.host.train.checkpoint import Row

_WIDE = 0.1
"""An interval that is wider than this, 0..1, says little: trainings that differ by less can't be told apart."""
_GOAL = 0.05
"""The half width of an interval, 0..1, for which the number of photos is estimated."""
_GAP = 0.1
"""A figure that is better by more than this on the training photos, 0..1, and above the interval, means overfitting."""
_LOW = 0.8
"""A figure below this on the training photos, 0..1, means that too little is learnt even of them."""
_FEW = 50
"""A class should have at least this many photos, or a detector's this many boxes, to train on."""
_FEW_BOXES = 10
"""A display threshold that was chosen from fewer boxes than this is a guess."""
_FEW_DRAWN = 20
"""An interval that was found by drawing anew from fewer photos than this is too narrow."""
_LATE = 0.9
"""If the kept epoch lies beyond this share of the last stage, 0..1, more epochs may help."""
_MOST_NAMED = 5
"""At most this many classes are named in a sentence."""


@dataclass(frozen=True, slots=True)
class Facts:
    """What the advice follows from.

    Attributes:
        figure: the name of the figure: `top-1` or `mAP`.
        value: the figure of the stored model on the validation photos, 0..1.
        interval: its 95 % confidence interval, 0..1; NaN if it isn't known.
        photos: the number of validation photos.
        on_training: the same figure on photos that were trained on, without augmentation, 0..1; NaN if unknown.
        counts: the number of training photos, or of boxes, by class.
        rows: the history, a row for each epoch.
        kept: the position of the kept epoch in `rows`; negative if none was kept.
        column: the history's column that holds the figure.
        epochs: the number of epochs that the last stage was to have.
        boxes: the number of validation boxes that each class's display threshold was chosen from; empty for a
            classifier.
    """

    figure: str
    value: float
    interval: tuple[float, float]
    photos: int
    on_training: float
    counts: Mapping[str, int]
    rows: Sequence[Row]
    kept: int
    column: str
    epochs: int
    boxes: Mapping[str, int] = field(default_factory=dict)


def advise(facts: Facts) -> list[str]:
    """Returns sentences: how sure the figure is, whether it overfits, which epoch was kept, what would help."""
    return [
        *_certainty(facts),
        *_fit(facts),
        *_amount(facts),
        *_epoch(facts),
        *_ending(facts),
        *_thresholds(facts),
    ]


def _certainty(facts: Facts) -> list[str]:
    low, high = facts.interval
    if math.isnan(low) or not facts.photos:
        return []
    said = (
        f"The {facts.figure} of {facts.value:.1%} was measured on {_count(facts.photos, 'photo')}: with 95 % "
        f"confidence it lies between {low:.1%} and {high:.1%}."
    )
    if facts.boxes and facts.photos < _FEW_DRAWN:
        said += " With so few photos the real range is wider."
    if high - low <= _WIDE:
        return [said]
    share = min(max(facts.value, 0.1), 0.9)
    wanted = max(math.ceil(share * (1 - share) * (1.96 / _GOAL) ** 2 / 10) * 10, facts.photos + 10)
    more = f" About {wanted} validation photos would narrow that to 5 points on either side." if not facts.boxes else ""
    return [f"{said} Trainings whose figures differ by less can't be told apart.{more}"]


def _fit(facts: Facts) -> list[str]:
    trained = facts.on_training
    if math.isnan(trained):
        return []
    high = facts.value if math.isnan(facts.interval[1]) else facts.interval[1]
    both = f"the {facts.figure} is {trained:.1%} on photos that it was trained on and {facts.value:.1%} on others"
    if trained - facts.value > _GAP and trained > high:
        return [
            f"The model overfits: {both}. More photos, taken in other places and light, help most; a larger --augment "
            "or a smaller --alpha can help, too."
        ]
    if trained < _LOW:
        return [
            f"The model learns too little: {both}. More --epochs, pretrained --weights, a larger --alpha or --size can "
            "help; look for wrong labels in the report."
        ]
    return [f"There is no sign of overfitting: {both}."]


def _amount(facts: Facts) -> list[str]:
    few = {label: count for label, count in facts.counts.items() if count < _FEW}
    if not few:
        return []
    thing = "boxes" if facts.boxes else "training photos"
    return [f"Few {thing}: {_named(few)}. {_FEW} or more for each class are a good beginning."]


def _epoch(facts: Facts) -> list[str]:
    if not 0 <= facts.kept < len(facts.rows):
        return []
    row = facts.rows[facts.kept]
    before = {str(other["stage"]): other for other in facts.rows if other["stage"] != row["stage"]}
    others = [f"{stage} reached {_best(facts, stage):.1%}" for stage in before]
    beside = f" ({'; '.join(others)})" if others else ""
    value = _value(facts, row)
    highest = max(_best(facts, stage) for stage in {str(other["stage"]) for other in facts.rows})
    last = facts.rows[-1]["stage"] == row["stage"]
    gained = "" if last else " Training the backbone as well gained nothing."
    if highest > value:
        gained += f" The highest was {highest:.1%}, which is within the error; the likelier scores decided."
    return [
        f"The kept weights are those of epoch {row['epoch']:g} of stage {row['stage']}: {value:.1%}{beside}.{gained}"
    ]


def _best(facts: Facts, stage: str) -> float:
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
    kept = facts.rows[facts.kept] if 0 <= facts.kept < len(facts.rows) else last
    late = kept["stage"] == last["stage"] and float(kept["epoch"]) > _LATE * facts.epochs
    more = " The kept epoch is one of the last: more --epochs can help." if late else ""
    return [f"The training went through all of its {_count(facts.epochs, 'epoch')}.{more}"]


def _thresholds(facts: Facts) -> list[str]:
    few = {label: count for label, count in facts.boxes.items() if count < _FEW_BOXES}
    if not few:
        return []
    return [f"Display thresholds chosen from few boxes are guesses: {_named(few)}. More validation photos help."]


def _named(counts: Mapping[str, int]) -> str:
    """Names the classes with the smallest counts."""
    ordered = sorted(counts.items(), key=lambda item: (item[1], item[0]))
    rest = len(ordered) - _MOST_NAMED
    text = ", ".join(f"{label} {count}" for label, count in ordered[:_MOST_NAMED])
    return f"{text} and {rest} more" if rest > 0 else text


def _count(number: int, thing: str) -> str:
    return f"{number:,} {thing}{'' if number == 1 else 's'}"
