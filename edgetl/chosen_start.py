"""Defines what a model card says about how the weights that a training began with were chosen."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class StartFigure:
    """A start and a figure of it.

    Attributes:
        weights: value of `--weights` that takes the start.
        network: backbone and width multiplier, such as `mobilenet_v2 0.35`.
        figure: accuracy in a ranking, or top-1 or mAP of a short training, 0..1.
    """

    weights: str
    network: str
    figure: float

    @property
    def words(self) -> str:
        """The start for people, with its network: there are ImageNet weights of several networks."""
        return f"{self.weights} ({self.network})" if self.network else self.weights


@dataclass(frozen=True, slots=True)
class ChosenStart:
    """The choice that `--weights best` made.

    Attributes:
        ranking: starts that could be ranked, the best first, with the accuracy of simple heads on their features.
        default: start that `--weights auto` takes without a download.
        race: results of the short trainings from the first of the ranking and from the default, in this order; empty
            if the default was first.
        epochs: number of epochs of each short training; 0 without a race.
        chosen: start that the training began with.
    """

    ranking: tuple[StartFigure, ...]
    default: str
    race: tuple[StartFigure, ...]
    epochs: int
    chosen: str

    @property
    def problem(self) -> str:
        """What is wrong with the choice in a model card; an empty text if nothing is."""
        return "" if len(self.race) in (0, 2) else f"start.race must have no results or two, got {len(self.race)}"

    @property
    def lost(self) -> float | None:
        """The figure that the first-ranked start lost against the default in the race, 0 if none; None if no race."""
        if not self.race:
            return None
        first, default = self.race
        return max(0.0, default.figure - first.figure)
