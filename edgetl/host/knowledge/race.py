"""Trains from the best start: the first of the ranking or the default, whichever is better after a short training.

A ranking is sometimes wrong, and a short training is a good judge but costs more than a ranking. Together they lose
little against the best start of all (Renggli et al., "Which Model to Transfer?", 2020).
"""

from __future__ import annotations

from dataclasses import replace

from edgetl import store
from edgetl.chosen_start import ChosenStart, StartFigure
from edgetl.files import friendly_os_errors, temporary_folder
from edgetl.host.console import console
from edgetl.host.knowledge.network_cost import network_cost
from edgetl.host.knowledge.rank_starts import rank_for
from edgetl.host.knowledge.ranking import RankedStart, Ranking
from edgetl.host.train.job import only_training_of, require_none_unfinished, train
from edgetl.host.train.options import TrainOptions
from edgetl.host.train.resolve import check_options
from edgetl.host.train.trial import Trial, run_trial
from edgetl.host.train.weights.source import WeightsSource
from edgetl.store.version_choice import FIGURES, figure
from edgetl.text import counted

_DIGITS = 4
"""The figures of a race are compared and recorded with this many decimals."""


def train_from_best(options: TrainOptions, *, restart: bool = False) -> store.StoredModel:
    """Trains from the start that proves itself, and stores the model; its card records the choice.

    Args:
        options: the options; `weights` is replaced.
        restart: whether an unfinished training of this name is discarded.

    Raises:
        EdgetlError: an error of `edgetl.host.train.job.train`.
    """
    name = store.check_new_name(options.name)
    check_options(options, WeightsSource("imagenet", "imagenet"))  # all that is known before the best start is
    with only_training_of(name):
        if not restart:
            require_none_unfinished(name)
        ranking = rank_for(options, costs=False)
        console.print(ranking.to_text(), markup=False)
        chosen, choice = _race(options, ranking)
    return train(_beginning_with(options, chosen, ranking.size), restart=restart, start=choice)


def _race(options: TrainOptions, ranking: Ranking) -> tuple[RankedStart, ChosenStart]:
    """Chooses the first start of the ranking or the default, by a short training from each; returns the record too."""
    ranked = tuple(_figure(row, row.accuracy.mean) for row in ranking.starts if row.accuracy)
    first, default = ranking.best, ranking.default
    if first == default:
        console.print(f"the default, {_words(default)}, is ranked first: the training begins with it", markup=False)
        return default, ChosenStart(ranked, default.weights, (), 0, default.weights)
    trials = [_trial(options, start, ranking.size) for start in (first, default)]
    results = [round(_value(trial), _DIGITS) for trial in trials]
    chosen = winner(first, default, results[0] - results[1])
    shown = f"{_words(first)} {figure(trials[0].card)}, {_words(default)} {figure(trials[1].card)}"
    console.print(
        f"after {counted(trials[0].epochs, 'epoch')}: {shown}; the training begins with {_words(chosen)}", markup=False
    )
    _print_cost(chosen, default, ranking.size)
    race = (_figure(first, results[0]), _figure(default, results[1]))
    return chosen, ChosenStart(ranked, default.weights, race, trials[0].epochs, chosen.weights)


def winner(first: RankedStart, default: RankedStart, lead: float) -> RankedStart:
    """Returns the start to train from; after a tie, the default unless the ranking is sure of the other one.

    Args:
        first: the start that the ranking puts first.
        default: the default.
        lead: the figure of the first after its short training minus that of the default, -1..1.
    """
    return first if lead > 0 or (lead == 0 and first.verdict == "helps") else default


def _trial(options: TrainOptions, start: RankedStart, size: int) -> Trial:
    console.print(f"a short training from {_words(start)}", markup=False)
    folder = store.root() / f"{options.name}.race"
    with friendly_os_errors(folder), temporary_folder(folder) as work:
        return run_trial(_beginning_with(options, start, size), work)


def _value(trial: Trial) -> float:
    return trial.card.metrics.get(FIGURES[trial.card.task][0], 0.0)


def _beginning_with(options: TrainOptions, start: RankedStart, size: int) -> TrainOptions:
    """Returns options with a start, its network, and the size of the ranking, so that both trainings have the same."""
    return replace(options, weights=start.weights, backbone=start.backbone, alpha=start.alpha, size=size)


def _figure(row: RankedStart, value: float) -> StartFigure:
    return StartFigure(row.weights, row.network, round(value, _DIGITS))


def _words(row: RankedStart) -> str:
    return _figure(row, 0.0).words


def _print_cost(chosen: RankedStart, default: RankedStart, size: int) -> None:
    """Prints how long the chosen network takes compared with that of the default, if they differ.

    Args:
        chosen: the chosen start.
        default: the default.
        size: the input's height and width, px.
    """
    if chosen.network == default.network:
        return
    own, usual = (network_cost(row.backbone, row.alpha, size) for row in (chosen, default))
    if own and usual:
        times = f"{own.milliseconds:.2f} ms, {own.milliseconds / usual.milliseconds:.1f} times as long as"
        network = f"an inference of a classifier on {chosen.network} takes {times}"
        console.print(f"{network} on the default network, {default.network}")
