"""Tells how good the rankings of earlier trainings were: each race shows whether the first-ranked start was right."""

from __future__ import annotations

from dataclasses import asdict, dataclass

from edgetl import store
from edgetl.chosen_start import ChosenStart, StartFigure
from edgetl.text import counted, printable


@dataclass(frozen=True, slots=True)
class PastRanking:
    """The choice of a stored model's start.

    Attributes:
        model: the reference `NAME@N` of the model.
        first: the start that was ranked first.
        first_network: its backbone and width multiplier, such as `mobilenet_v2 0.35`; empty if unknown.
        default: the start that `--weights auto` would have taken.
        default_network: its backbone and width multiplier; empty if unknown.
        chosen: the start that the training began with.
        lost: the top-1 or mAP that the first-ranked start lost against the default in the race, 0..1, 0 if it was
            right; None if it was the default, so that there was no race.
    """

    model: str
    first: str
    first_network: str
    default: str
    default_network: str
    chosen: str
    lost: float | None


@dataclass(frozen=True, slots=True)
class RankingHistory:
    """The rankings of all stored models that were trained with `--weights best`.

    Attributes:
        rankings: the rankings, oldest first.
    """

    rankings: tuple[PastRanking, ...]

    @property
    def losses(self) -> list[float]:
        """What the first-ranked start lost in each race, 0..1; 0 if it was right."""
        return [past.lost for past in self.rankings if past.lost is not None]

    def to_dict(self) -> dict[str, object]:
        """Returns the history as JSON-ready values."""
        wrong = [loss for loss in self.losses if loss > 0]
        return {
            "rankings": [asdict(past) for past in self.rankings],
            "races": len(self.losses),
            "first_was_right": len(self.losses) - len(wrong),
            "mean_lost_when_wrong": round(sum(wrong) / len(wrong), 4) if wrong else None,
            "most_lost": max(self.losses, default=None),
        }

    def to_text(self) -> str:
        """Returns the history as lines for people, with a summary at the end."""
        if not self.rankings:
            return "no stored model was trained with `--weights best`"
        return "\n".join([*map(_line, self.rankings), self._summary()])

    def _summary(self) -> str:
        trainings, races = counted(len(self.rankings), "training"), counted(len(self.losses), "race")
        wrong = [loss for loss in self.losses if loss > 0]
        right = f"the start ranked first was right in {len(self.losses) - len(wrong)} of {races} of {trainings}"
        if not wrong:
            return right
        mean, most = 100 * sum(wrong) / len(wrong), 100 * max(wrong)
        return f"{right}; when it was wrong, it lost {mean:.1f} points on average, {most:.1f} at most"

    def __str__(self) -> str:
        return self.to_text()


def ranking_history() -> RankingHistory:
    """Collects the rankings from the cards of all versions in the store."""
    models = store.survey(every_version=True)[0]
    ordered = sorted(models, key=lambda model: model.card.created)
    return RankingHistory(tuple(_past(model.exact_name, model.card.start) for model in ordered if model.card.start))


def _past(model: str, start: ChosenStart) -> PastRanking:
    unknown = StartFigure(start.default, "", 0.0)
    first = start.ranking[0] if start.ranking else unknown
    default = start.race[1] if start.race else first if first.weights == start.default else unknown
    names = (first.weights, first.network, default.weights, default.network)
    return PastRanking(model, *names, start.chosen, start.lost)


def _line(past: PastRanking) -> str:
    first = StartFigure(past.first, past.first_network, 0.0).words
    default = StartFigure(past.default, past.default_network, 0.0).words
    if past.lost is None:
        text = f"{past.model}: the default, {default}, was ranked first"
    elif past.lost > 0:
        text = f"{past.model}: {first} was ranked first, but {default} won by {100 * past.lost:.1f} points"
    else:
        text = f"{past.model}: {first} was ranked first and was right"
    return printable(text)
