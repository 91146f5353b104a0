"""Measures what a network costs on a device: the size of its int8 file, and the time of one inference on this machine.

Neither depends on the values of the weights, so each network is converted once on a machine, with random ones.
"""

from __future__ import annotations

import json
import platform
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from edgetl import schema
from edgetl.card import InputSpec
from edgetl.files import read_regular, write_atomic
from edgetl.host.console import optional
from edgetl.host.dataset.photos import cache_folder
from edgetl.host.probe.features import digest

_CLASSES = 10
"""The measured network has a head of this many classes; each further class adds about a kilobyte."""
_WARM_UP, _RUNS = 5, 50
"""The median time is that of this many inferences, after some that are slower because they are the first."""
_MOST_BYTES = 10_000
"""A file of the cache has less than a hundredth of this."""


@dataclass(frozen=True, slots=True)
class NetworkCost:
    """The cost of a network as an int8 file.

    Attributes:
        milliseconds: the median time of one inference on this machine with one thread, ms.
        kilobytes: the size of the file, kB.
    """

    milliseconds: float
    kilobytes: float


def network_cost(backbone: str, alpha: float, size: int) -> NetworkCost | None:
    """Returns what a classifier on a backbone costs; None if it can't be converted here.

    Args:
        backbone: the backbone's name.
        alpha: the backbone's width multiplier.
        size: the input's height and width, px.
    """
    file = cache_folder() / f"cost-{digest([backbone, alpha, size, platform.node(), platform.machine()])}.json"
    try:
        return schema.parse(NetworkCost, json.loads(read_regular(file, _MOST_BYTES)))
    except (OSError, ValueError):
        pass
    cost = None
    with optional(f"the cost of {backbone} {alpha:g}", file):
        cost = _measure(_convert(backbone, alpha, size))
        write_atomic(file, json.dumps(asdict(cost)))
    return cost


def _convert(backbone: str, alpha: float, size: int) -> bytes:
    """Returns the content of an int8 file of a classifier with random weights."""
    from edgetl.host.convert.saved_models import SavedModels
    from edgetl.host.convert.tflite.export import export
    from edgetl.host.train.classifier.network import assemble
    from edgetl.host.train.options import TrainOptions
    from edgetl.host.train.resolve import resolve_classifier
    from edgetl.host.train.weights import backbones
    from edgetl.host.train.weights.source import RANDOM

    stated = TrainOptions("photos", "cost", backbone=backbone, alpha=alpha, size=size, weights="none")
    options = resolve_classifier(stated, RANDOM, InputSpec(size, size), [1] * _CLASSES)
    model = assemble(backbones.build(backbone, alpha, size, size), _CLASSES, options).model
    noise = np.random.default_rng(0).integers(0, 256, (2, size, size, 3), np.uint8)
    return export(SavedModels(model), "static_wi8_ai8", noise)


def _measure(content: bytes) -> NetworkCost:
    from edgetl.device.runtime import open_runtime

    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "network.tflite"
        file.write_bytes(content)
        runtime = open_runtime("tflite", file, 1, made_here=True)
        times = []
        for _ in range(_WARM_UP + _RUNS):
            started = time.perf_counter()
            runtime.invoke()
            times.append(time.perf_counter() - started)
        runtime.close()
    return NetworkCost(round(float(np.median(times[_WARM_UP:])) * 1000, 3), round(len(content) / 1000, 1))
