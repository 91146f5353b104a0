"""Where a training's weights come from: Keras's ImageNet files, the starter, a file, the store, or nowhere."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

from edgetl import store
from edgetl.card import Backbone
from edgetl.errors import ModelError, UsageError
from edgetl.files import sha256_of
from edgetl.host.console import console
from edgetl.host.train.options import TrainOptions
from edgetl.host.train.weights import backbones, starter
from edgetl.host.train.weights.failed_download import failed_lately, note_failure
from edgetl.host.train.weights.read import load_backbone_weights, require_file

T = TypeVar("T")

_SUFFIXES = (".h5", ".keras")
_STARTER = (starter.NAME, starter.ALPHA)
_ANY_SIZE = 224
"""Weights serve every size, px."""
_WHOLE = 32
"""The stride at which every backbone ends, px."""


def stored_source(weights: str) -> store.StoredModel | None:
    """Returns the model of the store that `weights` names; None where it is a file, or a word for something else.

    Raises:
        UsageError: it is none of these.
    """
    if weights in store.RESERVED or weights.endswith(_SUFFIXES) or Path(weights).is_file():
        return None
    try:
        return store.open_model(weights)
    except UsageError as error:
        words = ", ".join(store.RESERVED)
        what = f"--weights {weights} is neither {words}, an .h5 or .keras file, nor a model of the store"
        raise UsageError(what, where=error.where, remedy=error.remedy) from error


def check(options: TrainOptions) -> None:
    """Refuses what no photos are needed to refuse.

    Raises:
        UsageError: unknown weights, backbone or width, weights of another one, or nothing would be trained.
        ModelError: the weights file isn't there, or the starter isn't.
    """
    source = stored_source(options.weights)
    network = _network(options, source)
    if source is None and options.weights not in store.RESERVED:
        require_file(Path(options.weights))
    if options.weights == "starter":
        _check_starter(*network, options.input_range)
    if options.epochs == 0 == _head_epochs(options):
        remedy = "give --epochs or --head-epochs more than 0; random weights have no head epochs of their own"
        raise UsageError("nothing would be trained: there are no epochs of either stage", remedy=remedy)


def _check_starter(name: str, alpha: float, input_range: str | None) -> None:
    where, remedy = "--weights starter", "leave out --backbone, --alpha and --input-range, or --weights"
    if (name, alpha) != _STARTER:
        what = f"the starter is {starter.NAME} {starter.ALPHA}, not {name} {alpha:g}"
        raise UsageError(what, where=where, remedy=remedy)
    if input_range not in (None, "-1..1"):
        raise UsageError(f"the starter takes pixels as -1..1, not {input_range}", where=where, remedy=remedy)
    starter.weights_file()


def choose_weights(options: TrainOptions) -> TrainOptions:
    """Replaces the weights `auto` by `imagenet` where Keras has them or can download them, else by `starter`.

    It says which it took and why. A download that failed is not tried again that day, see `failed_download`.

    Raises:
        DownloadError: ImageNet's can't be had, and the starter is another backbone.
        EdgetlError: ImageNet's are cached, but damaged.
    """
    if options.weights != "auto":
        return options
    name, alpha = _network(options, None)
    size = options.size or _ANY_SIZE
    if (name, alpha) == _STARTER and failed_lately():
        console.print(
            "weights: the starter that edgetl brings along; the download of ImageNet's failed earlier today, and "
            "--weights imagenet tries it again"
        )
        return replace(options, weights="starter")
    try:
        backbones.build(name, alpha, size, size, imagenet=True)
    except backbones.DownloadError as error:
        if (name, alpha) != _STARTER:
            remedy = "leave out --backbone and --alpha to begin from the starter, or give --weights FILE or none"
            raise backbones.DownloadError(error.what, where="--weights auto", remedy=remedy) from error
        note_failure()
        console.print(f"weights: the starter that edgetl brings along; {error.what}", markup=False)
        return replace(options, weights="starter")
    console.print("weights: ImageNet's, which Keras has downloaded, now or earlier")
    return replace(options, weights="imagenet")


def inherit(options: TrainOptions) -> TrainOptions:
    """Fills in the backbone, its width and the pixels it takes, from the weights, settled.

    Raises:
        UsageError: unknown weights, backbone or width.
    """
    source = stored_source(options.weights)
    taught = source.card.backbone if source else None
    name, alpha = _network(options, source)
    input_range = options.input_range or (taught.input_range if taught else "-1..1")
    return replace(options, backbone=name, alpha=alpha, input_range=input_range)


def knows_little(options: TrainOptions) -> bool:
    """Says whether pretrained weights are not worth keeping nearly as they are.

    A backbone that has only ever seen one small data set, or what another told it of a few thousand pictures, is such.
    """
    source = stored_source(options.weights)
    taught = source.card.backbone if source else None
    return options.weights == "starter" or (taught is not None and taught.weights == "none")


def resolve(options: TrainOptions, counts: Sequence[int]) -> TrainOptions:
    """Fills in what a classifier's options leave open, from the weights, settled, and each class's training photos.

    Raises:
        UsageError: unknown weights, backbone or width.
    """
    options = inherit(options)
    random, young = options.weights == "none", knows_little(options)
    epochs = given(options.epochs, default_epochs(sum(counts)))
    return replace(
        options,
        head_epochs=_head_epochs(options),
        epochs=epochs,
        rate=given(options.rate, 5e-3 if random else 2e-3 if young else 5e-4),
        layer_decay=given(options.layer_decay, 1.0 if random or young else 0.5),
        freeze=given(options.freeze, 0),
        ema=given(options.ema, 0.0 if random else 0.99),
        class_weights=given(options.class_weights, max(counts) >= 2 * min(counts)),
        patience=given(options.patience, max(10, epochs // 3)),
        batch=given(options.batch, 32),
        batch_norm=options.batch_norm or ("train" if random or young else "frozen"),
    )


def _network(options: TrainOptions, source: store.StoredModel | None) -> tuple[str, float]:
    """The backbone and its width: as given, else the stored source's, else our own choice."""
    taught = source.card.backbone if source else None
    name = options.backbone or (taught.name if taught else "mobilenet_v2")
    inherited = taught.alpha if taught and taught.name == name else None
    alpha = given(options.alpha, inherited or backbones.family(name).default_alpha)
    backbones.family(name, alpha)
    return name, alpha


def _head_epochs(options: TrainOptions) -> int:
    return given(options.head_epochs, 0 if options.weights == "none" else 40)


def default_epochs(photos: int) -> int:
    """Returns epochs of the second stage: about 80,000 photos are looked at, within 10 to 60 rounds."""
    return max(10, min(60, round(80_000 / photos)))


def build_backbone(options: TrainOptions) -> tuple[Any, Backbone]:
    """Builds the backbone with its weights in it.

    Args:
        options: resolved.

    Returns:
        The `keras.Model`, and what the card says of it.

    Raises:
        EdgetlError: the weights can't be downloaded, read, or don't fit.
    """
    name, alpha, size = options.backbone or "", options.alpha or 1.0, options.size or _ANY_SIZE
    network = backbones.build(name, alpha, size, size, imagenet=options.weights == "imagenet")
    about = Backbone(name, alpha, options.weights, input_range=options.input_range or "-1..1")
    if options.weights in ("imagenet", "none"):
        return network, about
    source = stored_source(options.weights)
    if options.weights == "starter":
        file, origin = starter.weights_file(), "starter"
    elif source:
        file, origin = source.weights, f"model {source.name if source.number == 1 else source.exact_name}"
    else:
        file, origin = Path(options.weights), Path(options.weights).name
    try:
        load_backbone_weights(network, file)
    except ModelError as error:
        raise _cut_short(source) or error from error
    return network, replace(about, weights=origin, weights_sha256=sha256_of(file))


def _cut_short(source: store.StoredModel | None) -> ModelError | None:
    """The error of a detector's backbone that ends at a stride, where the network that is to be goes on."""
    if source is None or source.card.task != "detection" or max(source.card.detector.strides) >= _WHOLE:
        return None
    strides = ",".join(map(str, source.card.detector.strides))
    what = f"{source.name} was trained with --strides {strides}: it has no more of the backbone"
    remedy = f"train it with {_WHOLE} among its --strides, or begin with other weights"
    return ModelError(what, where=f"--weights {source.name}", remedy=remedy)


def given(value: T | None, default: T) -> T:
    """Returns an option's value, or what stands in for None."""
    return default if value is None else value
