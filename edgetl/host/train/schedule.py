"""Makes the optimizer of a stage: the learning rate over the steps, its factor for each layer, and frozen layers."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import keras

from edgetl.host.networks.untyped import Network, Optimizer, Tensor, Variable
from edgetl.host.train.options import BatchNorm, OptimizerName
from edgetl.host.train.resolve import ResolvedOptions


class _LayerRates:
    """Multiplies the learning rate by each variable's own factor, in any Keras optimizer and on any backend."""

    factors: Mapping[str, float]
    """The factor of the learning rate by variable path; 1 for a variable that isn't in it."""
    unaveraged: tuple[Tensor, ...] = ()
    """The values that the steps learned, after their averages have taken their place in the model."""

    def build(self, variables: Sequence[Variable]) -> None:
        """Looks up the factor of each variable."""
        self._rates = [self.factors.get(variable.path, 1.0) for variable in variables]
        super().build(variables)  # type: ignore[misc]

    def update_step(self, gradient: Tensor, variable: Variable, learning_rate: Tensor) -> None:
        """Changes a variable by its gradient, of the same shape, at the learning rate times the variable's factor."""
        index = self._get_variable_index(variable)  # type: ignore[attr-defined]
        super().update_step(gradient, variable, learning_rate * self._rates[index])  # type: ignore[misc]

    def finalize_variable_values(self, var_list: Sequence[Variable]) -> None:
        """Replaces the variables by their averages if averaging is on, and remembers the values before that."""
        averaging = self.use_ema  # type: ignore[attr-defined]
        self.unaveraged = tuple(keras.ops.copy(variable) for variable in var_list) if averaging else ()
        super().finalize_variable_values(var_list)  # type: ignore[misc]
        for variable in var_list:
            # With averaging, the variable now shares its average's array, which JAX frees with the next step.
            variable.assign(keras.ops.copy(variable))


class _AdamW(_LayerRates, keras.optimizers.AdamW):
    pass


class _Adam(_LayerRates, keras.optimizers.Adam):
    pass


class _SGD(_LayerRates, keras.optimizers.SGD):
    pass


class _RMSprop(_LayerRates, keras.optimizers.RMSprop):
    pass


_OPTIMIZERS: dict[OptimizerName, tuple[Callable[..., Optimizer], dict[str, float]]] = {
    "adamw": (_AdamW, {}),
    "adam": (_Adam, {}),
    "sgd": (_SGD, {"momentum": 0.9, "nesterov": True}),
    "rmsprop": (_RMSprop, {}),
}

_MOMENTUM = 0.9
"""The momentum of statistics that learn; at MobileNet's 0.99 or 0.999, the start would last hundreds of steps."""


def make_optimizer(
    options: ResolvedOptions, rate: float, steps: int, factors: Mapping[str, float], clip: float = 1.0
) -> Optimizer:
    """Makes the optimizer of a stage, whose learning rate rises linearly and then falls to zero as half a cosine.

    Args:
        options: the resolved options; optimizer, weight_decay and warmup are read.
        rate: the peak learning rate.
        steps: the number of steps of the stage.
        factors: the factor of the learning rate by variable path; 1 for a variable that isn't in it.
        clip: the largest norm of all gradients together.
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
    optimizer = kind(schedule, global_clipnorm=clip, name=options.optimizer, **extra)
    optimizer.factors = factors
    return optimizer


def layer_factors(backbone: Network, decay: float) -> dict[str, float]:
    """Returns the factor of the learning rate by variable path, which grows geometrically from layer to layer.

    Args:
        backbone: the `keras.Model`.
        decay: the factor of the first layer, 0..1; that of the last layer is 1.
    """
    last = max(1, len(backbone.layers) - 1)
    return {
        variable.path: decay ** (1 - depth / last)
        for depth, layer in enumerate(backbone.layers)
        for variable in layer.trainable_variables
    }


def freeze(backbone: Network, first: int, batch_norm: BatchNorm) -> None:
    """Decides which layers of a backbone learn.

    Args:
        backbone: the `keras.Model`, which is changed.
        first: the number of layers, from the input, that don't learn.
        batch_norm: `frozen` also freezes the statistics, scale and shift of every batch normalization. With few photos,
            a batch's own statistics are worse than those that the weights were trained with.
    """
    for depth, layer in enumerate(backbone.layers):
        norm = isinstance(layer, keras.layers.BatchNormalization)
        layer.trainable = depth >= first and not (norm and batch_norm == "frozen")
        if norm and batch_norm == "train":
            layer.momentum = _MOMENTUM
