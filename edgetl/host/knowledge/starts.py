"""Lists the starts that a new training can choose from, each with what it was trained on or why it can't be used."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from edgetl import store
from edgetl.card import DatasetInfo, ModelCard
from edgetl.errors import EdgetlError, UsageError
from edgetl.host.knowledge.start import Start
from edgetl.host.train.weights import starter
from edgetl.host.train.weights.backbones import FAMILIES
from edgetl.host.train.weights.initial_backbone import weights_file
from edgetl.host.train.weights.keras_cache import cached_imagenet_file
from edgetl.host.train.weights.read import require_file
from edgetl.host.train.weights.recognise import recognise_backbone
from edgetl.host.train.weights.source import WeightsSource, open_source
from edgetl.text import counted, listed

_LONGEST_LINE = 20
"""The origin of a model's weights is followed through at most this many models, so that a circle ends."""
_MOST_LABELS = 3
"""At most this many classes of a model are named."""


def find_starts(
    data: DatasetInfo, weights: Sequence[str], size: int, network: tuple[str, float] = starter.NETWORK
) -> list[Start]:
    """Lists the starts for a data set; the first one is the default, see `default_start`.

    Args:
        data: the data set to train on; a model that has learnt from its photos can't be ranked by them.
        weights: further values of `--weights`: files, or versions of models that aren't current.
        size: the input's height and width, px; Keras has ImageNet weights for several sizes.
        network: the backbone and the width multiplier of the default and of random weights.

    Raises:
        UsageError: one of `weights` is neither a file nor a model.
        ModelError: one of the files doesn't exist.
    """
    versions = {model.exact_name: model.card for model in store.survey(every_version=True)[0]}
    stored = [*_stored(), *map(_given, weights)]
    checked = [replace(start, problem=start.problem or _seen(start.weights, versions, data)) for start in stored]
    default = default_start(*network, size)
    found = [default, *_imagenet(size), _starter(), *checked, random_start(*network)]
    distinct: dict[tuple[str, str, float, str], Start] = {}
    for start in found:
        distinct.setdefault((start.weights, *start.network), start)
    return list(distinct.values())


def default_start(backbone: str, alpha: float, size: int) -> Start:
    """Returns the start that `--weights auto` takes without a download: ImageNet's, else the starter, else random.

    Args:
        backbone: the backbone's name.
        alpha: the backbone's width multiplier.
        size: the input's height and width, px.
    """
    if file := cached_imagenet_file(backbone, alpha, size):
        return _imagenet_start(backbone, alpha, file)
    return _starter() if (backbone, alpha) == starter.NETWORK else random_start(backbone, alpha)


def random_start(backbone: str, alpha: float) -> Start:
    """Returns the zero line: a backbone with random weights, always the same ones."""
    return Start("none", "nothing: random weights", backbone=backbone, alpha=alpha)


def _imagenet(size: int) -> Iterator[Start]:
    for name, family in FAMILIES.items():
        for alpha in family.alphas:
            if file := cached_imagenet_file(name, alpha, size):
                yield _imagenet_start(name, alpha, file)


def _imagenet_start(backbone: str, alpha: float, file: Path) -> Start:
    about = "ImageNet: 1000 classes, 1.3 million photos"
    return Start("imagenet", about, WeightsSource("imagenet", "imagenet"), backbone, alpha, file=file)


def _starter() -> Start:
    source = WeightsSource("starter", "starter")
    about = "3,300 photos and drawings, with what a larger network sees in them"
    start = Start("starter", about, source, *starter.NETWORK)
    try:
        return replace(start, file=starter.weights_file())
    except EdgetlError as error:
        return replace(start, problem=error.what)


def _given(text: str) -> Start:
    """Returns the start for a value of `--weights`; a file's backbone is recognised."""
    if text in store.RESERVED:
        what = f"--weights {text} is ranked anyway, or can't be"
        raise UsageError(what, remedy="give a weights file, or NAME@N of the store")
    source = open_source(text)
    if source.model:
        return _model_start(source.model)
    file = Path(source.name)
    require_file(file)
    start = Start(source.name, "not known", source, file=file)
    try:
        backbone, alpha = recognise_backbone(file)
    except EdgetlError as error:
        return replace(start, problem=error.what)
    return replace(start, backbone=backbone, alpha=alpha)


def _stored() -> Iterator[Start]:
    """Yields the current version of every stored model, even of one that can't be used."""
    models, damaged = store.survey()
    yield from map(_model_start, models)
    for bad in damaged:
        yield Start(bad.name, "not known", problem=f"it can't be opened: {bad.reason}")


def _model_start(model: store.StoredModel) -> Start:
    source = WeightsSource(model.exact_name, "model", model)
    start = Start(model.exact_name, _trained_on(model.card), source, file=weights_file(source))
    backbone = model.card.backbone
    if backbone is None or backbone.name not in FAMILIES:
        return replace(start, problem="it was trained elsewhere: it has no backbone that edgetl can train")
    if backbone.alpha not in FAMILIES[backbone.name].alphas:
        return replace(start, problem=f"{backbone.name} doesn't come with alpha {backbone.alpha:g}")
    return replace(start, backbone=backbone.name, alpha=backbone.alpha, input_range=backbone.input_range)


def _trained_on(card: ModelCard) -> str:
    """Returns what a model was trained on: its photos, its classes, and the weights that it began with."""
    folder = Path(card.dataset.path).name if card.dataset else "photos that are not known"
    classes = counted(len(card.labels), "class", "classes")
    origin = card.backbone.weights if card.backbone else "none"
    begun = "random weights" if origin == "none" else origin
    return f"{folder}: {classes} ({listed(card.labels, _MOST_LABELS)}), from {begun}"


def _seen(version: str, versions: dict[str, ModelCard], data: DatasetInfo) -> str:
    """Returns why a model, or one that it began with, may have learnt from photos of the data set; else nothing."""
    for _ in range(_LONGEST_LINE):
        card = versions.get(version)
        if card is None:
            return ""
        if card.dataset and _same_photos(card.dataset, data):
            return "it has learnt from photos of this folder, so its score here would say too much"
        kind, _, name = (card.backbone.weights if card.backbone else "").partition(" ")
        version = (name if "@" in name else f"{name}@1") if kind == "model" else ""
    return ""


def _same_photos(one: DatasetInfo, other: DatasetInfo) -> bool:
    """Says whether two data sets have the same photos, or one's folder lies in the other's."""
    a, b = Path(one.path).absolute(), Path(other.path).absolute()
    return one.fingerprint == other.fingerprint or a.is_relative_to(b) or b.is_relative_to(a)
