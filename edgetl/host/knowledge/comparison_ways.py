"""Chooses the ways of training that are compared: four, or more if the user names further starts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from edgetl import store
from edgetl.errors import ModelError, UsageError
from edgetl.host.console import console
from edgetl.host.knowledge.comparison_plan import DEFAULT, HEAD, RANDOM, Way
from edgetl.host.knowledge.comparison_runs import Base, require_fitting
from edgetl.host.knowledge.rank_starts import rank_for
from edgetl.host.knowledge.start import Start
from edgetl.host.knowledge.starts import find_starts
from edgetl.host.train.weights.source import open_source


def ways_of(base: Base, weights: Sequence[str]) -> list[Way]:
    """Returns the ways to compare; the weights of each are known to fit its network.

    Args:
        base: what the runs begin from.
        weights: the further starts that the user names; without any, the best-ranked stored model is taken.

    Raises:
        UsageError: a start is no weights file and no model of the store, or it has learnt from these photos.
        ModelError: the weights of a start can't be read or don't fit its network.
    """
    default = base.training.options.weights
    if base.training.source.kind in ("file", "model"):
        _usable(base, default, "--default")
    ways = [Way(HEAD, default, head_only=True), Way(RANDOM, "none"), Way(DEFAULT, default)]
    further = [_named(base, one) for one in weights] if weights else _best_stored(base)
    ways += {way.name: way for way in further if way.weights != default}.values()
    for way in ways[2:]:
        require_fitting(base, way)
    return ways


def _named(base: Base, weights: str) -> Way:
    """Returns the way of a start that the user names."""
    if weights in store.RESERVED:
        what = f"--weights {weights} names no weights file and no model of the store"
        remedy = "name one of these; --default chooses the default start, and the best model is compared without this"
        raise UsageError(what, remedy=remedy)
    start = _usable(base, open_source(weights).name, "--weights")
    return Way(start.weights, start.weights, network=(start.backbone, start.alpha))


def _usable(base: Base, weights: str, option: str) -> Start:
    """Returns the start that a weights file or a stored model is, if it can be compared on these photos.

    Args:
        base: what the runs begin from.
        weights: the name of the opened source.
        option: the option that names the weights, for the message.

    Raises:
        UsageError: the model has learnt from these photos, or edgetl can't train its network.
        ModelError: the network of the file isn't known.
    """
    found = find_starts(base.training.data, [weights], base.spec.height)
    start = next(one for one in found if one.weights == weights)
    if start.problem:
        file = start.source.kind == "file"
        kind, remedy = (ModelError, "give other weights") if file else (UsageError, "name another model")
        raise kind(f"{weights} can't be compared: {start.problem}", where=option, remedy=remedy)
    return start


def _best_stored(base: Base) -> list[Way]:
    """Returns the way of the stored model that is ranked best for these photos; none if there is no usable one."""
    if not store.survey()[0]:
        return []
    ranking = rank_for(replace(base.options, size=base.spec.height), costs=False)
    usable = [start for start in ranking.starts if start.accuracy and open_source(start.weights).kind == "model"]
    if not usable:
        return []
    best = usable[0]
    console.print(f"the best-ranked stored model is {best.weights} ({best.words})")
    return [Way(best.weights, best.weights, network=(best.backbone, best.alpha))]
