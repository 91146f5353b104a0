"""Ranks the starts for a data set by the accuracy of simple heads on the features that each of them computes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from os import PathLike
from pathlib import Path

import numpy as np

from edgetl.argument_types import text_argument, wrong_type
from edgetl.card import DatasetInfo, InputSpec
from edgetl.errors import DatasetError, EdgetlError
from edgetl.host.console import track
from edgetl.host.dataset.boxes.load import BoxedDataset, load_boxed
from edgetl.host.dataset.load import Dataset, Photos, load_dataset
from edgetl.host.knowledge.feature_network import FeatureNetwork
from edgetl.host.knowledge.network_cost import NetworkCost, network_cost
from edgetl.host.knowledge.ranking import RankedStart, Ranking, Verdict
from edgetl.host.knowledge.start import Start
from edgetl.host.knowledge.starts import find_starts
from edgetl.host.probe.crops import cut_crops
from edgetl.host.probe.features import FeatureCache, digest
from edgetl.host.probe.folds import mean_over_folds, stratified_folds
from edgetl.host.probe.heads import cross_validate
from edgetl.host.probe.sample import stratified
from edgetl.host.train.options import TrainOptions
from edgetl.host.train.resolve import resolve_input
from edgetl.host.train.task import detect_task
from edgetl.host.train.weights.backbones import family
from edgetl.host.train.weights.source import RANDOM
from edgetl.host.train.weights.starter import NETWORK
from edgetl.vision.arrays import Floats, Integers

_MOST_PHOTOS = 2000
"""At most this many photos are used: more hardly change the order of the starts and take longer."""


@dataclass(frozen=True, slots=True)
class _Task:
    """The photos that the starts are judged by.

    Attributes:
        photos: N training photos, or crops of them.
        classes: the number of classes.
        info: the card's entry for the data set.
        folds: the fold of each photo, (N,) int64.
        cache: the remembered results about these photos.
    """

    photos: Photos
    classes: int
    info: DatasetInfo
    folds: Integers
    cache: FeatureCache


def rank_starts(
    data: Path | str,
    *,
    weights: Sequence[str] = (),
    size: int | None = None,
    val_fraction: float = 0.2,
    split_seed: int = 0,
    costs: bool = True,
) -> Ranking:
    """Ranks the starts for a data set, see `edgetl.rank_starts`."""
    if isinstance(weights, str | PathLike):
        raise wrong_type(weights, "weights", "a list of texts")
    further = [text_argument(text, "weights") for text in weights]
    folder = text_argument(data, "data")
    options = TrainOptions(folder, "ranking", size=size, val_fraction=val_fraction, split_seed=split_seed)
    return rank_for(options, further, costs=costs)


def rank_for(options: TrainOptions, weights: Sequence[str] = (), *, costs: bool = True) -> Ranking:
    """Ranks the starts for a training, by its training photos alone: its validation photos stay unseen.

    Args:
        options: the options of the training; if they name a backbone or its width, only starts of it compete.
        weights: weights files, and versions of models, that compete besides those that edgetl knows.
        costs: whether the networks' costs are measured.

    Raises:
        DatasetError: the photos can't be trained on.
        UsageError: one of `weights` is neither a file nor a model, or an option isn't valid.
        ModelError: one of the files doesn't exist.
    """
    name = options.backbone or NETWORK[0]
    alpha = options.alpha or family(name).default_alpha
    family(name, alpha)
    spec = resolve_input(options, RANDOM, detect_task(Path(options.data)))
    task = _load(options, spec)
    starts = find_starts(task.info, weights, spec.height, (name, alpha))
    competing = [start for start in starts if start.problem or _competes(start, options)]
    judged = _judge(competing, task)
    networks = dict.fromkeys(one.start.network[:2] for one in judged if costs and one.hits is not None)
    measured = {key: network_cost(*key, spec.height) for key in networks}
    default = _default(judged)
    ranked = [_ranked(one, default, task.folds, measured.get(one.start.network[:2])) for one in judged]
    ranked.sort(key=lambda row: row.accuracy.mean if row.accuracy else -1.0, reverse=True)
    return Ranking(options.data, len(task.photos), task.classes, spec.height, tuple(ranked))


def _competes(start: Start, options: TrainOptions) -> bool:
    """Says whether a start has the network that the options name; a width alone is one of the default backbone."""
    if options.backbone is None is options.alpha:
        return True
    return start.backbone == (options.backbone or NETWORK[0]) and options.alpha in (None, start.alpha)


def _load(options: TrainOptions, spec: InputSpec) -> _Task:
    """Loads a sample of the training photos, or crops of their boxes."""
    root, split = Path(options.data), (options.val_fraction, options.split_seed)
    if detect_task(root) == "classification":
        data = load_dataset(root, spec, val_fraction=split[0], seed=split[1], strict=options.strict)
        photos = data.train.subset(stratified(data.train.classes, _MOST_PHOTOS))
        drawn, classes = np.unique(photos.classes, return_inverse=True)
        return _task(replace(photos, classes=classes), len(drawn), data)
    boxed = load_boxed(root, spec, val_fraction=split[0], seed=split[1], strict=options.strict)
    crops = cut_crops(boxed.train, len(boxed.labels), spec, _MOST_PHOTOS)
    return _task(crops, len(boxed.labels) + 1, boxed)


def _task(photos: Photos, classes: int, data: Dataset | BoxedDataset) -> _Task:
    """Returns the photos with their folds; duplicates, and crops of one photo, lie in the same fold.

    Raises:
        DatasetError: all photos are duplicates of each other, or all crops are of one photo.
    """
    root, groups = Path(data.report.root), data.report.groups_of(photos.paths)
    if len(np.unique(groups)) < 2:
        what = "the starts can't be ranked by a single training photo and its copies"
        raise DatasetError(what, where=str(root), remedy="add photos, or name the start with --weights")
    folds = stratified_folds(photos.classes, groups=groups)
    return _Task(photos, classes, data.info, folds, FeatureCache(root, photos))


@dataclass(frozen=True, slots=True)
class _Judged:
    """A start with what it recognises.

    Attributes:
        start: the start.
        hits: the share of the heads that recognise each photo, (N,) float32, 0..1; None if the start is unusable.
    """

    start: Start
    hits: Floats | None


def _judge(starts: Sequence[Start], task: _Task) -> list[_Judged]:
    """Applies each start to the photos; starts that share a network follow each other, which is faster."""
    height, width = task.photos.pixels.shape[1:3]
    network = FeatureNetwork(height, width)
    order = sorted(range(len(starts)), key=lambda i: (starts[i].network, i))
    found = {i: _recognise(starts[i], task, network) for i in track(order, "Ranking starts", len(starts))}
    return [found[i] for i in range(len(starts))]


def _recognise(start: Start, task: _Task, network: FeatureNetwork) -> _Judged:
    if start.problem:
        return _Judged(start, None)
    classes = task.photos.classes
    try:
        key = start.key()

        def compute() -> Floats:
            features = task.cache.features(key, lambda: network.open(start))
            return cross_validate(features, classes, task.classes, task.folds).recognised(classes).astype(np.float32)

        name = digest([asdict(key), classes.tolist(), task.folds.tolist()])
        return _Judged(start, task.cache.remember(f"{name}-recognised", compute))
    except EdgetlError as error:
        return _Judged(replace(start, problem=error.what), None)
    except OSError as error:
        return _Judged(replace(start, problem=f"its file can't be read: {error.strerror or error}"), None)


def _default(judged: Sequence[_Judged]) -> _Judged:
    """Returns the default, which comes first, or what takes its place if it is unusable: the starter, or random."""
    others = [one for name in ("starter", "none") for one in judged if one.start.weights == name]
    return next(one for one in (judged[0], *others) if one.hits is not None)


def _ranked(one: _Judged, default: _Judged, folds: Integers, cost: NetworkCost | None) -> RankedStart:
    start = one.start
    about = (start.weights, start.trained_on, start.backbone, start.alpha)
    if one.hits is None or default.hits is None:
        return RankedStart(*about, "unusable", problem=start.problem)
    gain = mean_over_folds(one.hits - default.hits, folds)
    verdict: Verdict = "helps" if gain.low > 0 else "hurts" if gain.high < 0 else "no better"
    return RankedStart(
        *about,
        "default" if one is default else verdict,
        mean_over_folds(one.hits, folds),
        gain,
        cost.milliseconds if cost else None,
        cost.kilobytes if cost else None,
    )
