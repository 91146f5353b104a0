"""The options of a comparison of ways to train, as the user states them."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

from edgetl.argument_types import convert_fields
from edgetl.errors import UsageError
from edgetl.store.model import derived_name


@dataclass(frozen=True, slots=True)
class CompareOptions:
    """The options of a comparison of ways to train.

    Example:
        >>> import edgetl
        >>> options = edgetl.CompareOptions("photos", minutes=60, weights=["parts"])
        >>> options.place.as_posix()
        'comparisons/photos'

    Attributes:
        data: the folder of labelled photos: class folders, or photos with boxes.
        minutes: the time for the runs, min. A run that has begun is finished, and the first run is always made. The
            time of the first call also decides how long a run may be, because all runs must be alike.
        default: the start that counts as the default, as a value of `--weights` of `edgetl train`.
        weights: further starts to compare with it: models of the store or weights files. None at all stands for the
            model of the store that is ranked first.
        backbone: the network of the default, see `TrainOptions`.
        alpha: the width multiplier of that network.
        size: the input's height and width, px.
        folder: the folder of the runs and of the report; None takes `comparisons/NAME` for photos in a folder NAME.
    """

    data: str
    minutes: float = 20.0
    default: str = "auto"
    weights: tuple[str, ...] = ()
    backbone: str | None = None
    alpha: float | None = None
    size: int | None = None
    folder: str | None = None

    def __post_init__(self) -> None:
        convert_fields(self)
        if not 0 < self.minutes < math.inf:
            raise UsageError(f"--minutes must be more than 0, got {self.minutes:g}", remedy="give for example 20")

    @property
    def place(self) -> Path:
        """The folder of the runs and of the report."""
        return Path(self.folder or Path("comparisons", derived_name(Path(self.data).resolve().name)))
