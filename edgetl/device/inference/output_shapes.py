"""Checks the outputs of a model against its card: which output is which, and how many classes and cells there are."""

from __future__ import annotations

from edgetl.card import ModelCard
from edgetl.device.inference.output_names import DISTANCES, LOGITS
from edgetl.device.runtime import Tensor
from edgetl.errors import ModelError
from edgetl.vision.detect import grid

CONVERT_REMEDY = "give it the outputs it was converted with, or convert it again"
"""The remedy for a model whose outputs are not those that its card describes."""


def logits_and_distances(outputs: tuple[Tensor, ...], card: ModelCard) -> tuple[int, int]:
    """Returns the positions of logits and distances among a detector's outputs, by their names, else by their shapes.

    Raises:
        ModelError: the outputs are not a detector's, or neither names nor shapes tell them apart.
    """
    names = [tensor.name for tensor in outputs]
    if sorted(names) == sorted((LOGITS, DISTANCES)):
        return names.index(LOGITS), names.index(DISTANCES)
    values = 4 * card.detector.bins
    fours = [i for i, tensor in enumerate(outputs) if len(tensor.shape) == 3 and tensor.shape[2] == values]
    if len(outputs) != 2 or not fours:
        what = (
            f"a detector has logits (1, cells, classes) and distances (1, cells, {values}), "
            f"but this has {described(outputs)}"
        )
        raise ModelError(what, where=card.name, remedy=CONVERT_REMEDY)
    if len(fours) == 2:
        what = f"neither names nor shapes say which output holds the logits: {described(outputs)}"
        raise ModelError(what, where=card.name, remedy=f"name the outputs {LOGITS} and {DISTANCES}")
    return 1 - fours[0], fours[0]


def check_cells(logits: Tensor, distances: Tensor, card: ModelCard) -> None:
    """Refuses a detector whose outputs haven't the cells of its card's strides and the classes of its labels.

    Raises:
        ModelError: the number of cells or of classes is another one.
    """
    if len(logits.shape) != 3:
        what = f"the logits of a detector are (1, cells, classes), but this has {described((logits,))}"
        raise ModelError(what, where=card.name, remedy=CONVERT_REMEDY)
    check_classes(logits.shape[2], card)
    cells = len(grid(card.input.height, card.input.width, card.detector.strides)[1])
    if logits.shape[:2] != (1, cells) or distances.shape != (1, cells, 4 * card.detector.bins):
        strides = ", ".join(map(str, card.detector.strides))
        what = f"the card's strides {strides} make {cells} cells, but the model has {described((logits, distances))}"
        raise ModelError(what, where=card.name, remedy=CONVERT_REMEDY)


def check_classes(classes: int, card: ModelCard) -> None:
    """Refuses a model whose number of classes is not that of its card's labels.

    Raises:
        ModelError: the numbers differ.
    """
    labels = len(card.labels)
    if classes != labels:
        what = f"the model has {classes} classes, but there are {labels} labels"
        remedy = "give the labels file that belongs to the model, one label a line"
        raise ModelError(what, where=card.name, remedy=remedy)


def described(outputs: tuple[Tensor, ...]) -> str:
    """Returns the outputs' names, shapes and types for a message."""
    return ", ".join(f"{tensor.name} {tensor.shape} {tensor.dtype}" for tensor in outputs) or "no outputs"
