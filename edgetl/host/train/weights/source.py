"""Opens what `--weights` names: Keras's ImageNet files, the starter, a weights file, a stored model, or nothing."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal, cast

from edgetl import store
from edgetl.card import Backbone
from edgetl.errors import UsageError
from edgetl.host.train.options import TrainOptions
from edgetl.host.train.weights import backbones, starter
from edgetl.host.train.weights.read import require_file

SourceKind = Literal["auto", "imagenet", "starter", "none", "file", "model"]
"""The kinds of sources of weights; the first four are words of `edgetl.store.RESERVED`."""

_SUFFIXES = (".h5", ".keras")
"""A value of `--weights` that ends in one of these is a file, even if the file isn't there."""


@dataclass(frozen=True, slots=True)
class WeightsSource:
    """The source of a training's weights, which `open_source` opens once.

    Attributes:
        name: the value of `--weights` that always means this source: a word, the path of a file, or `NAME@N` for a
            version of a stored model.
        kind: the kind of the source.
        model: the stored model; None for every other kind.
    """

    name: str
    kind: SourceKind
    model: store.StoredModel | None = None

    @property
    def backbone(self) -> Backbone | None:
        """The backbone of the stored model; None for every other kind."""
        return self.model.card.backbone if self.model else None

    @property
    def knows_little(self) -> bool:
        """Whether training should change the weights freely rather than keep them nearly unchanged.

        This holds for the starter, which has seen a few thousand photos, and for a stored model whose own training
        began with random weights, because it has seen only one small data set.
        """
        return self.kind == "starter" or (self.backbone is not None and self.backbone.weights == "none")


RANDOM = WeightsSource("none", "none")
"""The source of a training that begins with random weights."""


def open_source(weights: str) -> WeightsSource:
    """Opens the source that a value of `--weights` names.

    Args:
        weights: a word of `edgetl.store.RESERVED`, the path of a weights file, or a model of the store.

    Raises:
        UsageError: the text names none of these, or is `best`, which stands for one of them.
    """
    if weights == "best":
        what = "--weights best has to be replaced by the best start first"
        raise UsageError(what, remedy="call edgetl.train or `edgetl train`, which rank the starts")
    if weights in store.RESERVED:
        return WeightsSource(weights, cast("SourceKind", weights))
    if weights.endswith(_SUFFIXES) or Path(weights).is_file():
        return WeightsSource(weights, "file")
    try:
        model = store.open_model(weights)
    except UsageError as error:
        words = ", ".join(store.RESERVED)
        what = f"--weights {weights} is neither {words}, an .h5 or .keras file, nor a model of the store"
        raise UsageError(what, where=error.where, remedy=error.remedy) from error
    return WeightsSource(model.exact_name, "model", model)


def choose_network(options: TrainOptions, source: WeightsSource) -> tuple[str, float]:
    """Returns the backbone and its width: those of the options, else of the stored model, else the defaults.

    Raises:
        UsageError: there is no such backbone, or not at this width.
    """
    stored = source.backbone
    name = options.backbone or (stored.name if stored else "mobilenet_v2")
    inherited = stored.alpha if stored and stored.name == name else None
    alpha = options.alpha
    if alpha is None:
        alpha = inherited or backbones.family(name).default_alpha
    backbones.family(name, alpha)
    return name, alpha


def check_source(options: TrainOptions, source: WeightsSource) -> None:
    """Passes if the source exists and fits the backbone that the options name.

    Raises:
        UsageError: the backbone or its width is unknown, or the starter is another network.
        ModelError: the weights file or the starter isn't there.
    """
    name, alpha = choose_network(options, source)
    if source.kind == "file":
        require_file(Path(source.name))
    if source.kind == "starter":
        _check_starter(name, alpha, options.input_range)


def _check_starter(name: str, alpha: float, input_range: str | None) -> None:
    where, remedy = "--weights starter", "leave out --backbone, --alpha and --input-range, or --weights"
    if (name, alpha) != starter.NETWORK:
        what = f"the starter is {starter.NAME} {starter.ALPHA}, not {name} {alpha:g}"
        raise UsageError(what, where=where, remedy=remedy)
    if input_range not in (None, "-1..1"):
        raise UsageError(f"the starter takes pixels as -1..1, not {input_range}", where=where, remedy=remedy)
    starter.weights_file()
