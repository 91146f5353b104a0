"""The gate's conditions: when a converted file, such as an int8 one, is refused, and for which reasons."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal

from edgetl.host.convert.gate import CONSTANT, NOT_FINITE
from edgetl.manifest import Measurement
from edgetl.target import Gate
from edgetl.text import counted

Task = Literal["classification", "detection"]
"""A model's task, as its card has it."""

FLOAT32_PARITY = 1e-4
"""A float32 file's scores may differ from Keras's by at most this much, 0..1; a larger difference shows that the file
was exported wrongly, even if its accuracy is high."""

FLOAT32_EDGE_PX = 0.05
"""An edge of any cell's box in a float32 file may differ from Keras's by at most this much, px of the input."""


@dataclass(frozen=True, slots=True)
class Condition:
    """A condition that a variant must meet.

    Attributes:
        margin: how far the deciding value is on the allowed side of its limit; negative or NaN if the limit is missed.
        reason: the reason to refuse the variant if the limit is missed.
        undecided: the name of the figure in `Measurement.intervals` if its interval includes the limit, so that the
            validation photos can't decide; else empty.
        limit: the limit.
    """

    margin: float
    reason: str
    undecided: str = ""
    limit: float = 0.0

    @property
    def missed(self) -> bool:
        """Whether the variant misses this condition; a value that is not a number misses it too."""
        return not self.margin >= 0


def refusal_reasons(measured: Measurement, gate: Gate, recipe: str, task: Task) -> str:
    """Returns the reasons to refuse a variant, joined into one text; an empty text if it meets the gate.

    If the interval of a drop or of the agreement includes its limit, the comparison without labels decides instead.

    Args:
        measured: the variant's figures on the validation photos.
        gate: the target's limits.
        recipe: the variant's recipe; a float32 file must also compute what Keras computes.
        task: the model's task.
    """
    return "; ".join(one.reason for one in _conditions(measured, gate, recipe, task) if one.missed)


def measure_until_decided(
    measured: Measurement, gate: Gate, recipe: str, task: Task, more: Callable[[Measurement], Measurement]
) -> Measurement:
    """Returns figures that decide: those measured, with more photos if the validation photos can't decide.

    Args:
        measured: the variant's figures on the validation photos.
        gate: the target's limits.
        recipe: the variant's recipe.
        task: the model's task.
        more: the function that adds more photos without labels; see `Judge.measure_more`.
    """
    conditions = _conditions(measured, gate, recipe, task)
    undecided = {one.undecided: one.limit for one in conditions if one.undecided}
    computes_the_same = measured.agreement == 1 and measured.max_score_difference <= FLOAT32_PARITY
    if computes_the_same or not undecided or any(one.missed and not one.undecided for one in conditions):
        return measured
    return replace(more(measured), undecided=undecided)


def gate_margin(measured: Measurement, gate: Gate, task: Task) -> float:
    """Returns how far a variant is from the gate's closest limit, in shares; negative if it misses one.

    Args:
        measured: the variant's figures on the validation photos.
        gate: the target's limits.
        task: the model's task.
    """
    if any(condition.missed for condition in _sound_outputs(measured)):
        return -1.0
    return min(condition.margin for condition in _GATES[task](measured, gate))


def _conditions(measured: Measurement, gate: Gate, recipe: str, task: Task) -> list[Condition]:
    return [*_sound_outputs(measured), *_parity(measured, recipe, task), *_GATES[task](measured, gate)]


def _sound_outputs(measured: Measurement) -> list[Condition]:
    """Returns the conditions on the outputs themselves, which apply even if the gate allows any loss."""
    bad = round(measured.metrics.get(NOT_FINITE, 0))
    return [
        Condition(-bad, f"its outputs are not finite numbers on {counted(bad, 'photo')}"),
        Condition(-measured.metrics.get(CONSTANT, 0), "its outputs are the same for every photo"),
    ]


def _parity(measured: Measurement, recipe: str, task: Task) -> list[Condition]:
    """Returns the conditions on a float32 file, which must compute what Keras computes; none for another recipe."""
    if recipe != "float32":
        return []
    score = measured.max_score_difference
    if task == "detection":
        score = measured.metrics.get("cell_score_difference", math.nan)
    text = f"a score differs by {score:g} from Keras, and float32 may differ by {FLOAT32_PARITY:g}"
    found = [Condition(FLOAT32_PARITY - score, text)]
    if task == "detection":
        edge = measured.metrics.get("cell_edge_px", math.nan)
        text = f"an edge is {edge:g} px from Keras's, and float32 may differ by {FLOAT32_EDGE_PX:g}"
        found.append(Condition(FLOAT32_EDGE_PX - edge, text))
    return found


def _classifier_gate(measured: Measurement, gate: Gate) -> list[Condition]:
    return [
        _drop("top-1", "accuracy_drop", measured, gate.max_accuracy_drop),
        _agreement("photos", measured, gate.min_agreement),
    ]


def _detector_gate(measured: Measurement, gate: Gate) -> list[Condition]:
    return [
        _drop("mAP", "accuracy_drop", measured, gate.max_map_drop),
        _drop("mAP50", "map50_drop", measured, gate.max_map50_drop),
        _agreement("boxes", measured, gate.min_box_agreement),
    ]


def _drop(metric: str, name: str, measured: Measurement, most: float) -> Condition:
    allowed = f"{100 * most:.4g} {'is' if round(100 * most, 4) == 1 else 'are'} allowed"
    interval, unlabelled = measured.intervals.get(name), measured.unlabelled
    if interval and unlabelled and interval.low <= most < interval.high:
        drop = unlabelled.expected_drop if name == "accuracy_drop" else unlabelled.expected_map50_drop
        how = f"as expected by its answers on {counted(unlabelled.photos, 'photo')}"
        text = f"loses {_distinct(drop, most)} points of {metric} {how}, {allowed}"
        return Condition(most - drop, text, name, most)
    drop = measured.accuracy_drop if name == "accuracy_drop" else measured.metrics[name]
    width = f" ± {50 * (interval.high - interval.low):.1f}" if interval else ""
    return Condition(most - drop, f"loses {_distinct(drop, most)}{width} points of {metric}, {allowed}")


def _agreement(things: str, measured: Measurement, least: float) -> Condition:
    interval, unlabelled = measured.intervals.get("agreement"), measured.unlabelled
    undecided = interval is not None and unlabelled is not None and interval.low < least <= interval.high
    share = unlabelled.agreement if unlabelled and undecided else measured.agreement
    text = f"agrees on {_distinct(share, least)} % of the {things}, {100 * least:.4g} % are required"
    return Condition(share - least, text, "agreement" if undecided else "", least)


def _distinct(share: float, limit: float) -> str:
    """Returns a share in percent with one decimal, or with as many more as tell it from the limit."""
    digits = (digits for digits in range(1, 4) if round(100 * share, digits) != round(100 * limit, digits))
    return f"{100 * share:.{next(digits, 4)}f}"


_GATES: dict[Task, Callable[[Measurement, Gate], list[Condition]]] = {
    "classification": _classifier_gate,
    "detection": _detector_gate,
}
"""The conditions that a target's gate sets for each task."""
