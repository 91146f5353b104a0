"""MobileNets without their tops: what each is called, how wide it comes, what pixels it was trained on."""

from __future__ import annotations

import sys
from contextlib import redirect_stdout
from dataclasses import dataclass
from typing import Literal

from edgetl.errors import EdgetlError, UsageError
from edgetl.host.untyped import Network

InputRange = Literal["-1..1", "0..1", "0..255"]


@dataclass(frozen=True, slots=True)
class Family:
    """A kind of backbone.

    Attributes:
        application: its name in `keras.applications`.
        alphas: width multipliers it comes in.
        imagenet_alphas: those that Keras has ImageNet weights for.
        default_alpha: taken where none is named.
    """

    application: str
    alphas: tuple[float, ...]
    imagenet_alphas: tuple[float, ...]
    default_alpha: float


_V1 = (0.25, 0.5, 0.75, 1.0)
_V2 = (0.35, 0.5, 0.75, 1.0, 1.3, 1.4)
_V3 = (0.75, 1.0)

FAMILIES = {
    "mobilenet_v1": Family("MobileNet", _V1, _V1, 0.25),
    "mobilenet_v2": Family("MobileNetV2", _V2, _V2, 0.35),
    "mobilenet_v3_small": Family("MobileNetV3Small", _V3, _V3, 1.0),
    "mobilenet_v3_large": Family("MobileNetV3Large", _V3, _V3, 1.0),
}


def family(name: str, alpha: float | None = None) -> Family:
    """Returns a backbone's family.

    Args:
        name: of the backbone.
        alpha: a width to check; None checks nothing.

    Raises:
        UsageError: there is no such backbone, or not at that width.
    """
    if name not in FAMILIES:
        raise UsageError(f"unknown backbone {name!r}", remedy=f"choose one of {', '.join(FAMILIES)}")
    found = FAMILIES[name]
    if alpha is not None and alpha not in found.alphas:
        widths = ", ".join(map(str, found.alphas))
        raise UsageError(f"{name} doesn't come with alpha {alpha:g}", remedy=f"choose --alpha from {widths}")
    return found


def build(name: str, alpha: float, height: int, width: int, *, imagenet: bool = False) -> Network:
    """Builds a backbone that maps (N, height, width, 3) float in its input range to (N, h, w, C) features.

    Args:
        name: a key of `FAMILIES`.
        alpha: width multiplier.
        height: px.
        width: px.
        imagenet: load Keras's ImageNet weights, downloaded once and verified by Keras.

    Returns:
        A `keras.Model`, with random weights unless `imagenet`.

    Raises:
        UsageError: there is no such backbone.
        EdgetlError: the download failed.
    """
    import keras

    found = family(name, alpha)
    options = {"minimalistic": False, "include_preprocessing": False} if "v3" in name else {}
    make = getattr(keras.applications, found.application)
    try:
        with redirect_stdout(sys.stderr):  # where Keras shows its download
            return make(
                input_shape=(height, width, 3),
                alpha=alpha,
                include_top=False,
                weights="imagenet" if imagenet else None,
                name="backbone",
                **options,
            )
    except Exception as error:
        if not imagenet:
            raise
        remedy = "download it elsewhere and give --weights FILE; or --weights MODEL of the store; or --weights none"
        what = f"the ImageNet weights of {name} {alpha:g} can't be downloaded: {_first_line(error)}"
        raise EdgetlError(what, where="--weights imagenet", remedy=remedy) from error


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]
