"""MobileNets without their tops: what each is called, how wide it comes, what pixels it was trained on."""

from __future__ import annotations

import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass
from functools import partial
from http.client import HTTPException
from urllib.error import URLError

from edgetl.errors import EdgetlError, UsageError
from edgetl.host.networks.untyped import Network


class DownloadError(EdgetlError):
    """Weights are not cached, and can't be downloaded."""


@dataclass(frozen=True, slots=True)
class Family:
    """A kind of backbone.

    Attributes:
        application: its name in `keras.applications`.
        alphas: width multipliers it comes in, and that Keras has ImageNet weights for.
        default_alpha: taken where none is named.
    """

    application: str
    alphas: tuple[float, ...]
    default_alpha: float


_TIMEOUT = 5.0
"""Seconds that a server, at each of its addresses, may say nothing."""

_V1 = (0.25, 0.5, 0.75, 1.0)
_V2 = (0.35, 0.5, 0.75, 1.0, 1.3, 1.4)
_V3 = (0.75, 1.0)

FAMILIES = {
    "mobilenet_v1": Family("MobileNet", _V1, 0.25),
    "mobilenet_v2": Family("MobileNetV2", _V2, 0.35),
    "mobilenet_v3_small": Family("MobileNetV3Small", _V3, 1.0),
    "mobilenet_v3_large": Family("MobileNetV3Large", _V3, 1.0),
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
        imagenet: load Keras's ImageNet weights, which Keras downloads once.

    Returns:
        A `keras.Model`, with random weights unless `imagenet`.

    Raises:
        UsageError: there is no such backbone.
        DownloadError: the weights are not there and can't be downloaded.
        EdgetlError: Keras's cached file is damaged.
    """
    import keras

    found = family(name, alpha)
    options = {"minimalistic": False, "include_preprocessing": False} if "v3" in name else {}
    make = partial(
        getattr(keras.applications, found.application),
        input_shape=(height, width, 3),
        alpha=alpha,
        include_top=False,
        name="backbone",
        **options,
    )
    if not imagenet:
        return make(weights=None)
    try:
        with redirect_stdout(sys.stderr), _network_timeout():  # Keras shows its download
            return make(weights="imagenet")
    except Exception as error:  # Keras raises that very class where a download fails
        raise _imagenet_error(f"the ImageNet weights of {name} {alpha:g}", error) from error


@contextmanager
def _network_timeout() -> Iterator[None]:
    """Makes a network that swallows packets an error; Keras would wait for it for ever."""
    earlier = socket.getdefaulttimeout()
    socket.setdefaulttimeout(_TIMEOUT)
    try:
        yield
    finally:
        socket.setdefaulttimeout(earlier)


def _imagenet_error(what: str, error: Exception) -> EdgetlError:
    """Tells a network that isn't there from a file that is there but damaged: Keras checks none of MobileNet V1's."""
    where, text = "--weights imagenet", (str(error).splitlines() or [""])[0] or type(error).__name__
    failed, reason = text.startswith("URL fetch failure on "), text.partition(": ")[2].removeprefix("None -- ")
    if failed or isinstance(error, TimeoutError | ConnectionError | HTTPException | URLError):
        remedy = "take --weights starter (mobilenet_v2 0.35), none, or FILE, which you downloaded elsewhere"
        return DownloadError(f"{what} can't be downloaded: {reason if failed else text}", where=where, remedy=remedy)
    remedy = "delete what Keras cached, ~/.keras/models or $KERAS_HOME/models, so that it downloads it again"
    return EdgetlError(f"{what} can't be read: {text}", where=where, remedy=remedy)
