"""Builds the networks that compute features, each once: a further start of the same network only swaps the weights."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from edgetl.host.knowledge.start import Start
from edgetl.host.networks.backend import import_keras
from edgetl.host.networks.pooled_network import pooled_network
from edgetl.host.networks.untyped import Network
from edgetl.host.train.weights import backbones
from edgetl.host.train.weights.initial_backbone import load_source


class FeatureNetwork:
    """The network of one start after the other. It is fast if starts that share a network follow each other.

    Args:
        height: the input's height, px.
        width: the input's width, px.
    """

    def __init__(self, height: int, width: int) -> None:
        self._size = height, width
        self._built: tuple[str, float, str] | None = None
        self._backbone: Network
        self._features: Network
        self._random: list[NDArray[np.generic]]

    def open(self, start: Start) -> Network:
        """Returns a network with the weights of a start, from (N, H, W, 3) uint8 pixels to (N, F) pooled features.

        The network is the same object for all starts that share one: the next call replaces its weights.

        Args:
            start: a start without a problem.

        Raises:
            ModelError: the weights can't be read, or don't fit the backbone.
        """
        if start.network != self._built:
            self._build(start)
        if start.file is None:
            self._backbone.set_weights(self._random)
        else:
            load_source(self._backbone, start.source, start.file)
        return self._features

    def _build(self, start: Start) -> None:
        import_keras()
        import keras

        keras.utils.set_random_seed(0)  # random weights are a start too, and its score should not change
        self._built = None
        self._backbone = backbones.build(start.backbone, start.alpha, *self._size)
        self._random = self._backbone.get_weights()
        self._features = pooled_network(self._backbone, start.input_range)
        self._built = start.network
