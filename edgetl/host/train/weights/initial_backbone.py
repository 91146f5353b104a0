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
    file, origin = _file_and_origin(source)
    try:
        load_backbone_weights(network, file)
    except ModelError as error:
        raise _incomplete_backbone(source.model) or error from error
    return network, replace(about, weights=origin, weights_sha256=sha256_of(file))


def _file_and_origin(source: WeightsSource) -> tuple[Path, str]:
    """Returns the file that holds the weights, and how the card names them."""
    if source.model:
        model = store.relocate(source.model)  # its folder moves when another version becomes current
        return model.weights, f"model {model.name if model.number == 1 else model.exact_name}"
    if source.kind == "starter":
        return starter.weights_file(), "starter"
    return Path(source.name), Path(source.name).name


def _incomplete_backbone(model: store.StoredModel | None) -> ModelError | None:
    """Returns the error of a detector whose backbone ends before stride 32; None if that isn't the reason."""
    if model is None or model.card.task != "detection" or max(model.card.detector.strides) >= _LAST_STRIDE:
        return None
    strides = ",".join(map(str, model.card.detector.strides))
    what = f"{model.name} was trained with --strides {strides}: it has no more of the backbone"
    remedy = f"train it with {_LAST_STRIDE} among its --strides, or begin with other weights"
    return ModelError(what, where=f"--weights {model.name}", remedy=remedy)
