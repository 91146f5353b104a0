"""What a model's outputs must be for its card: which is which, how many classes and cells."""

from __future__ import annotations

from edgetl.card import ModelCard
from edgetl.device.runtime import Tensor
from edgetl.errors import ModelError
from edgetl.vision.detect import grid

LOGITS, DISTANCES = "logits", "distances"
"""The names of the outputs of a detector that edgetl made."""
CONVERT_REMEDY = "give it the outputs it was converted with, or convert it again"
"""What to do about outputs that are not what the card says."""


def logits_and_distances(outputs: tuple[Tensor, ...], card: ModelCard) -> tuple[int, int]:
    """Returns which output holds the logits and which the distances: by their names, else by their shapes.

    Raises:
        ModelError: nothing tells, or they are not a detector's.
    """
    names = [tensor.name for tensor in outputs]
    if sorted(names) == sorted((LOGITS, DISTANCES)):
        return names.index(LOGITS), names.index(DISTANCES)
    fours = [i for i, tensor in enumerate(outputs) if len(tensor.shape) == 3 and tensor.shape[2] == 4]
    if len(outputs) != 2 or not fours:
        what = (
            f"a detector has logits (1, cells, classes) and distances (1, cells, 4), but this has {described(outputs)}"
        )
        raise ModelError(what, where=card.name, remedy=CONVERT_REMEDY)
    if len(fours) == 2:
        what = f"nothing tells which output holds the logits and which the distances: {described(outputs)}"
        raise ModelError(what, where=card.name, remedy=f"name the outputs {LOGITS} and {DISTANCES}")
    return 1 - fours[0], fours[0]


def check_cells(logits: Tensor, distances: Tensor, card: ModelCard) -> None:
    """Passes where a detector's outputs have the cells of its card's strides and the classes of its labels.

    Raises:
        ModelError: they haven't.
    """
    if len(logits.shape) != 3:
        what = f"the logits of a detector are (1, cells, classes), but this has {described((logits,))}"
        raise ModelError(what, where=card.name, remedy=CONVERT_REMEDY)
    check_classes(logits.shape[2], card)
    cells = len(grid(card.input.height, card.input.width, card.detector.strides)[1])
    if logits.shape[:2] != (1, cells) or distances.shape != (1, cells, 4):
        strides = ", ".join(map(str, card.detector.strides))
        what = f"the card's strides {strides} make {cells} cells, but the model has {described((logits, distances))}"
        raise ModelError(what, where=card.name, remedy=CONVERT_REMEDY)


def check_classes(found: int, card: ModelCard) -> None:
    """Passes where a model of so many classes has as many labels.

    Raises:
        ModelError: it hasn't.
    """
    count = len(card.labels)
    if found != count:
        what = f"the model has {found} classes, but there are {count} labels"
        remedy = "give the labels file that belongs to the model, one label a line"
        raise ModelError(what, where=card.name, remedy=remedy)


def described(outputs: tuple[Tensor, ...]) -> str:
    """Returns the outputs' names, shapes and types, for a message."""
    return ", ".join(f"{tensor.name} {tensor.shape} {tensor.dtype}" for tensor in outputs) or "no outputs"
