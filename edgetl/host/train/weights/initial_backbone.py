"""Builds the backbone that a training begins with, and loads its initial weights."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from edgetl import store
from edgetl.card import Backbone
from edgetl.errors import ModelError
from edgetl.files import sha256_of
from edgetl.host.networks.untyped import Network
from edgetl.host.train.resolve import ResolvedOptions
from edgetl.host.train.weights import backbones, starter
from edgetl.host.train.weights.read import load_backbone_weights
from edgetl.host.train.weights.source import WeightsSource

_LAST_STRIDE = 32
"""The stride at which every complete backbone ends, px."""


def build_backbone(options: ResolvedOptions, source: WeightsSource) -> tuple[Network, Backbone]:
    """Builds the backbone with its initial weights.

    Args:
        options: the resolved options.
        source: the source that they name.

    Returns:
        The `keras.Model`, and its entry in the card.

    Raises:
        EdgetlError: the weights can't be downloaded or read, or don't fit the backbone.
    """
    imagenet = source.kind == "imagenet"
    network = backbones.build(options.backbone, options.alpha, options.size, options.size, imagenet=imagenet)
    about = Backbone(options.backbone, options.alpha, options.weights, input_range=options.input_range)
    if source.kind in ("imagenet", "none"):
        return network, about
    file = weights_file(source)
    load_source(network, source, file)
    return network, replace(about, weights=_origin(source), weights_sha256=sha256_of(file))


def weights_file(source: WeightsSource) -> Path:
    """Returns the file that holds the weights of a source, whose kind is starter, file or model."""
    if source.model:
        return store.relocate(source.model).weights  # its folder moves when another version becomes current
    return starter.weights_file() if source.kind == "starter" else Path(source.name)


def load_source(network: Network, source: WeightsSource, file: Path) -> None:
    """Loads the file of a source into a backbone.

    Args:
        network: the `keras.Model`, which is changed.
        source: the source, for the error.
        file: the file of its weights.

    Raises:
        ModelError: the weights can't be read, or don't fit the backbone.
    """
    try:
        load_backbone_weights(network, file)
    except ModelError as error:
        raise _incomplete_backbone(source.model) or error from error


def _origin(source: WeightsSource) -> str:
    """Returns how a card names a source of weights."""
    if source.model:
        return f"model {source.model.name if source.model.number == 1 else source.model.exact_name}"
    return "starter" if source.kind == "starter" else Path(source.name).name


def _incomplete_backbone(model: store.StoredModel | None) -> ModelError | None:
    """Returns the error of a detector whose backbone ends before stride 32; None if that isn't the reason."""
    if model is None or model.card.task != "detection" or max(model.card.detector.strides) >= _LAST_STRIDE:
        return None
    strides = ",".join(map(str, model.card.detector.strides))
    what = f"{model.name} was trained with --strides {strides}: it has no more of the backbone"
    remedy = f"train it with {_LAST_STRIDE} among its --strides, or begin with other weights"
    return ModelError(what, where=f"--weights {model.name}", remedy=remedy)
