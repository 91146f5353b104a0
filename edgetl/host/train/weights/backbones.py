"""Builds MobileNets without their tops, with random weights or with Keras's ImageNet weights."""

from __future__ import annotations

import socket
import sys
from collections.abc import Callable, Iterator
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
        application: the name of its function in `keras.applications`.
        alphas: the width multipliers for which Keras has ImageNet weights.
        default_alpha: the width multiplier if the user names none.
    """

    application: str
    alphas: tuple[float, ...]
    default_alpha: float


_TIMEOUT = 5.0
"""A server may stay silent for this long at each of its addresses, s; without a limit Keras would wait for ever."""

_V1 = (0.25, 0.5, 0.75, 1.0)
_V2 = (0.35, 0.5, 0.75, 1.0, 1.3, 1.4)
_V3 = (0.75, 1.0)

FAMILIES = {
    "mobilenet_v1": Family("MobileNet", _V1, 0.25),
    "mobilenet_v2": Family("MobileNetV2", _V2, 0.35),
    "mobilenet_v3_small": Family("MobileNetV3Small", _V3, 1.0),
    "mobilenet_v3_large": Family("MobileNetV3Large", _V3, 1.0),
}
"""The backbones that a training offers, by name."""


def family(name: str, alpha: float | None = None) -> Family:
    """Returns a backbone's family.

    Args:
        name: the backbone's name, a key of `FAMILIES`.
        alpha: a width multiplier to check; None checks nothing.

    Raises:
        UsageError: there is no such backbone, or not at this width.
    """
    if name not in FAMILIES:
        raise UsageError(f"unknown backbone {name!r}", remedy=f"choose one of {', '.join(FAMILIES)}")
    found = FAMILIES[name]
    if alpha is not None and alpha not in found.alphas:
        widths = ", ".join(map(str, found.alphas))
        raise UsageError(f"{name} doesn't come with alpha {alpha:g}", remedy=f"choose --alpha from {widths}")
    return found


def build(name: str, alpha: float, height: int, width: int, *, imagenet: bool = False) -> Network:
    """Builds a backbone that maps (N, height, width, 3) floats in its input range to (N, h, w, C) features.

    Args:
        name: the backbone's name, a key of `FAMILIES`.
        alpha: the width multiplier.
        height: the input's height, px.
        width: the input's width, px.
        imagenet: whether Keras's ImageNet weights are loaded, which Keras downloads once.

    Returns:
        A `keras.Model`, with random weights unless `imagenet`.

    Raises:
        UsageError: there is no such backbone.
        DownloadError: the weights aren't cached and can't be downloaded.
        EdgetlError: the file in Keras's cache is damaged.
    """
    import keras

    found = family(name, alpha)
    options = {"minimalistic": False, "include_preprocessing": False} if "v3" in name else {}
    make: Callable[..., Network] = partial(
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
        with redirect_stdout(sys.stderr), _network_timeout():  # Keras prints the progress of its download
            return make(weights="imagenet")
    except Exception as error:  # Keras raises a plain Exception if a download fails
        raise _imagenet_error(f"the ImageNet weights of {name} {alpha:g}", error) from error


@contextmanager
def _network_timeout() -> Iterator[None]:
    """Limits how long Keras waits for a server that doesn't answer."""
    earlier = socket.getdefaulttimeout()
    socket.setdefaulttimeout(_TIMEOUT)
    try:
        yield
    finally:
        socket.setdefaulttimeout(earlier)


def _imagenet_error(weights: str, error: Exception) -> EdgetlError:
    """Returns the error of weights that can't be downloaded, or of a cached file that is damaged.

    Keras verifies the files of every backbone except MobileNet V1, so a damaged file shows only while it is read.
    """
    where, text = "--weights imagenet", (str(error).splitlines() or [""])[0] or type(error).__name__
    failed, reason = text.startswith("URL fetch failure on "), text.partition(": ")[2].removeprefix("None -- ")
    if failed or isinstance(error, TimeoutError | ConnectionError | HTTPException | URLError):
        remedy = "give --weights starter (mobilenet_v2 0.35), none, or a FILE that you downloaded elsewhere"
        return DownloadError(f"{weights} can't be downloaded: {reason if failed else text}", where=where, remedy=remedy)
    remedy = "delete what Keras cached, ~/.keras/models or $KERAS_HOME/models, so that Keras downloads it again"
    return EdgetlError(f"{weights} can't be read: {text}", where=where, remedy=remedy)
