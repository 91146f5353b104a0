"""Copies what a stored detector knows behind its backbone, the pyramid and the two branches, into a new detector."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from edgetl.card import ModelCard
from edgetl.host.networks.untyped import Layer, Network

_HEAD = "head"
"""The name of the layer that holds the pyramid and the branches, see `edgetl.host.train.detector.network`."""
_SCORES = "logits"
"""The name of the convolution that gives a score for each class."""


def copy_head(model: Network, card: ModelCard, stored: Network, stored_card: ModelCard) -> int:
    """Copies the weights of every layer of a stored detector's head that the new one has in the same shape.

    The scores of the classes that both know are copied column by column; those of other classes stay as they are.
    Nothing is copied if the strides differ: layers of the same name would then see objects of other sizes.

    Args:
        model: the new detector, which is changed.
        card: the card of the new detector.
        stored: the stored detector.
        stored_card: the card of the stored detector.

    Returns:
        The number of layers that were copied.
    """
    if card.detector.strides != stored_card.detector.strides:
        return 0
    donors: dict[str, Layer] = {layer.name: layer for layer in stored.get_layer(_HEAD).layers if layer.weights}
    copied = 0
    for layer in model.get_layer(_HEAD).layers:
        if not layer.weights or layer.name not in donors:
            continue
        values, known = layer.get_weights(), donors[layer.name].get_weights()
        if layer.name == _SCORES:
            if not _copy_columns(values, card.labels, known, stored_card.labels):
                continue
        elif [value.shape for value in values] == [value.shape for value in known]:
            values = known
        else:
            continue
        layer.set_weights(values)
        copied += 1
    return copied


def _copy_columns(
    values: list[np.ndarray], labels: Sequence[str], known: list[np.ndarray], known_labels: Sequence[str]
) -> int:
    """Copies the last axis of each array, one column for each class that both detectors know; returns how many."""
    shared = [(i, known_labels.index(label)) for i, label in enumerate(labels) if label in known_labels]
    for value, donor in zip(values, known, strict=True):
        if value.shape[:-1] == donor.shape[:-1]:
            for column, donor_column in shared:
                value[..., column] = donor[..., donor_column]
    return len(shared)
