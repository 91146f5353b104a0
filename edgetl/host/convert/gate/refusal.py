"""The gate's conditions: when a converted file, such as an int8 one, is refused, and for which reasons."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
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
        margin: how far the measured value is on the allowed side of its limit; negative or NaN if the limit is missed.
        reason: the reason to refuse the variant if the limit is missed.
    """

    margin: float
    reason: str

    @property
    def missed(self) -> bool:
        """Whether the variant misses this condition; a value that is not a number misses it too."""
        return not self.margin >= 0


def refusal_reasons(measured: Measurement, gate: Gate, recipe: str, task: Task) -> str:
    """Returns the reasons to refuse a variant, joined into one text; an empty text if it meets the gate.

    Args:
        measured: the variant's figures on the validation photos.
        gate: the target's limits.
        recipe: the variant's recipe; a float32 file must also compute what Keras computes.
        task: the model's task.
    """
    conditions = [*_sound_outputs(measured), *_parity(measured, recipe, task), *_GATES[task](measured, gate)]
    return "; ".join(condition.reason for condition in conditions if condition.missed)


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
        _drop("top-1", measured.accuracy_drop, gate.max_accuracy_drop),
        _agreement("photos", measured.agreement, gate.min_agreement),
    ]


def _detector_gate(measured: Measurement, gate: Gate) -> list[Condition]:
    return [
        _drop("mAP", measured.accuracy_drop, gate.max_map_drop),
        _drop("mAP50", measured.metrics["map50_drop"], gate.max_map50_drop),
        _agreement("boxes", measured.agreement, gate.min_box_agreement),
    ]


def _drop(metric: str, drop: float, most: float) -> Condition:
    return Condition(most - drop, f"loses {100 * drop:.1f} points of {metric}, {100 * most:.1f} are allowed")


def _agreement(things: str, share: float, least: float) -> Condition:
    return Condition(share - least, f"agrees on {100 * share:.1f} % of the {things}, {100 * least:.1f} % are required")


_GATES: dict[Task, Callable[[Measurement, Gate], list[Condition]]] = {
    "classification": _classifier_gate,
    "detection": _detector_gate,
}
"""The conditions that a target's gate sets for each task."""
