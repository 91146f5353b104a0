"""The options of `edgetl run`, by what they are about."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import click

from edgetl.cli.option_groups import option_group

if TYPE_CHECKING:
    from edgetl.card import ModelCard
    from edgetl.vision.filter import ResultFilter


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which results are wanted; None leaves it to the model."""

    threshold: float | None
    classes: tuple[str, ...]
    top_k: int | None
    iou: float | None
    max_det: int | None
    agnostic: bool

    @property
    def filter(self) -> ResultFilter:
        """The same for `edgetl.device.Model`."""
        from edgetl.vision.filter import ResultFilter

        classes = self.classes or None
        return ResultFilter(self.threshold, classes, self.top_k or 1, self.iou, self.max_det, self.agnostic)

    def refuse_misplaced(self, card: ModelCard) -> None:
        """Raises a UsageError where an option means nothing to a model."""
        from edgetl.errors import UsageError

        kind, other = "classifier", "detector"
        foreign: dict[str, object] = {"--iou": self.iou, "--max-det": self.max_det, "--agnostic": self.agnostic or None}
        if card.task == "detection":
            kind, other = other, kind
            foreign = {"--top-k": self.top_k}
        given = [option for option, value in foreign.items() if value is not None]
        if given:
            what = f"{given[0]} is for a {other}, and this model is a {kind}"
            raise UsageError(what, where=card.name, remedy=f"leave {' and '.join(given)} out")


filter_options = option_group(
    "wanted",
    Wanted,
    click.option(
        "--threshold",
        type=click.FloatRange(0, 1),
        help="Smallest score that counts, 0 to 1.  [default: the model's own]",
    ),
    click.option("--classes", metavar="LABEL", multiple=True, help="Look for this class only; repeat it for more."),
    click.option("--top-k", type=click.IntRange(min=1), help="Classifier: name at most so many classes.  [default: 1]"),
    click.option(
        "--iou",
        type=click.FloatRange(0, 1),
        help="Detector: of boxes of a class that overlap by more, only the best stays.  [default: the model's own]",
    ),
    click.option(
        "--max-det",
        type=click.IntRange(min=1),
        help="Detector: find at most so many objects a frame.  [default: the model's own]",
    ),
    click.option("--agnostic", is_flag=True, help="Detector: of overlapping boxes of any classes only the best stays."),
)
