"""Learning rates: how they rise and fall over the steps, and how they differ from layer to layer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import keras

from edgetl.host.networks.untyped import Library, Network, Tensor
from edgetl.host.train.options import TrainOptions


class _LayerRates:
    """Multiplies the learning rate by each variable's own factor; for any Keras optimizer, on any backend."""

    factors: Mapping[str, float]
    raw: tuple[Tensor, ...] = ()
    """The variables as they were learnt, where averages have taken their place."""

    def build(self, variables: Sequence[Any]) -> None:
        self._rates = [self.factors.get(variable.path, 1.0) for variable in variables]
        super().build(variables)  # type: ignore[misc]

    def update_step(self, gradient: Tensor, variable: Tensor, learning_rate: Tensor) -> None:
        index = self._get_variable_index(variable)  # type: ignore[attr-defined]
        super().update_step(gradient, variable, learning_rate * self._rates[index])  # type: ignore[misc]

    def finalize_variable_values(self, var_list: Sequence[Any]) -> None:
        self.raw = tuple(keras.ops.copy(variable) for variable in var_list) if self.use_ema else ()  # type: ignore[attr-defined]
        super().finalize_variable_values(var_list)  # type: ignore[misc]
        for variable in var_list:
            # With averaging on it now shares its average's array, which JAX gives away with the next step.
            variable.assign(keras.ops.copy(variable))


class _AdamW(_LayerRates, keras.optimizers.AdamW):
    pass


class _Adam(_LayerRates, keras.optimizers.Adam):
    pass


class _SGD(_LayerRates, keras.optimizers.SGD):
    pass


class _RMSprop(_LayerRates, keras.optimizers.RMSprop):
    pass


_OPTIMIZERS = {
    "adamw": (_AdamW, {}),
    "adam": (_Adam, {}),
    "sgd": (_SGD, {"momentum": 0.9, "nesterov": True}),
    "rmsprop": (_RMSprop, {}),
}


def optimizer(
    options: TrainOptions, rate: float, steps: int, factors: Mapping[str, float], clip: float = 1.0
) -> Library:
    """Makes the optimizer of a stage: linear warm-up, then half a cosine down to nothing.

    Args:
        options: optimizer, weight_decay, warmup and ema are read.
        rate: the peak.
        steps: of the whole stage.
        factors: of the rate, by variable path; 1 where absent.
        clip: largest norm of all gradients together.
    """
    warmup = min(round(options.warmup * steps), steps - 1)
    schedule = keras.optimizers.schedules.CosineDecay(
        rate / 10 if warmup else rate,
        max(1, steps - warmup),
        warmup_target=rate if warmup else None,
        warmup_steps=warmup,
    )
    kind, extra = _OPTIMIZERS[options.optimizer]
    if options.optimizer == "adamw":
        extra = {"weight_decay": options.weight_decay}
    made = kind(schedule, global_clipnorm=clip, name=options.optimizer, **extra)
    made.factors = factors
    return made


def layer_factors(backbone: Network, decay: float) -> dict[str, float]:
    """Returns rate factors that grow geometrically from `decay` at the backbone's first layer to 1 at its last."""
    last = max(1, len(backbone.layers) - 1)
    return {
        variable.path: decay ** (1 - depth / last)
        for depth, layer in enumerate(backbone.layers)
        for variable in layer.trainable_variables
    }


def freeze(backbone: Network, first: int, batch_norm: str) -> None:
    """Says which layers of a backbone learn.

    Args:
        backbone: a `keras.Model`.
        first: so many layers from the input stay as they are.
        batch_norm: `frozen` also keeps every batch normalization's statistics, scale and shift: with few photos a
            batch's own statistics are worse than those the weights were trained with.
    """
    for depth, layer in enumerate(backbone.layers):
        norm = isinstance(layer, keras.layers.BatchNormalization)
        layer.trainable = depth >= first and not (norm and batch_norm == "frozen")
        if norm and batch_norm == "train":
            layer.momentum = 0.9  # at MobileNet's own 0.99 or 0.999, hundreds of steps would still see the start
