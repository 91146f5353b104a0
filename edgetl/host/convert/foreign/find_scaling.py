"""Finds out how pixels must be scaled for a model whose file doesn't say, by trying each scaling on labelled photos."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TypeAlias

import numpy as np

from edgetl.device.inference.input_scaling import Scaling
from edgetl.errors import UsageError
from edgetl.host.console import console
from edgetl.host.convert.foreign.foreign_model import PIXELS, ForeignModel, compose
from edgetl.host.dataset.load import Photos
from edgetl.text import counted
from edgetl.vision.arrays import ClassIds, Mask

SCALINGS: dict[str, Scaling] = {
    "0..255": PIXELS,
    "-1..1": Scaling((127.5,), (127.5,)),
    "0..1": Scaling((0.0,), (255.0,)),
    "imagenet": Scaling((123.675, 116.28, 103.53), (58.395, 57.12, 57.375)),
}
"""The scalings by the names that `--scale` takes; `imagenet` has torchvision's mean and deviation of red, green and
blue."""

MOST_PHOTOS = 200
"""Each scaling is tried on at most this many photos, which tells a right from a wrong one with high confidence."""

_SURE = 2.0
"""A difference of more than this many standard deviations is not attributed to chance."""

Hits: TypeAlias = Mask
"""Whether each photo was recognised, (N,)."""


def scaling_of(name: str, color: str) -> Scaling:
    """Returns a scaling by its name, with the channels in the order that the model takes.

    Args:
        name: a key of `SCALINGS`.
        color: the order of the model's channels, `rgb` or `bgr`.
    """
    found = SCALINGS[name]
    return Scaling(found.mean[::-1], found.std[::-1]) if color == "bgr" else found


def find_scaling(model: ForeignModel, photos: Photos, named: str | None, color: str) -> Scaling:
    """Returns the scaling that the user named, or that the file states, or else the one that recognises most photos.

    Args:
        model: the model.
        photos: labelled photos, which are not among those that the gate evaluates on; at most `MOST_PHOTOS` are used.
        named: the user's scaling, a key of `SCALINGS`; None if the user named none.
        color: the order of the model's channels, `rgb` or `bgr`.

    Raises:
        UsageError: the model takes bytes and the user named a scaling; or no scaling is clearly the best.
    """
    if named is not None:
        if model.takes_bytes:
            what = "the model takes bytes: --scale can't be given with it"
            raise UsageError(what, where=str(model.path), remedy="leave --scale out")
        return compose(scaling_of(named, color), model.inside)
    if model.scaling is not None:
        console.print(f"pixels: {model.scaling_note}")
        return compose(model.scaling, model.inside)
    hits, classes = _try_scalings(model, photos, color)
    figures = ", ".join(f"{name} {hit.mean():.1%}" for name, hit in hits.items())
    name = _clearly_best(hits, classes, model.path, figures)
    console.print(f"pixels: the model is best on {name} (top-1 on {counted(len(classes), 'photo')}: {figures})")
    return compose(scaling_of(name, color), model.inside)


def common_share(classes: ClassIds) -> float:
    """Returns the top-1 of always predicting the most frequent class, plus what chance may add to it.

    Args:
        classes: the class of each photo, (N,) int64.

    Returns:
        A share of at least 0.
    """
    share = float(np.bincount(classes).max() / len(classes))
    return share + _SURE * float(np.sqrt(share * (1 - share) / len(classes)))


def _try_scalings(model: ForeignModel, photos: Photos, color: str) -> tuple[dict[str, Hits], ClassIds]:
    """Returns the photos that the model recognises with each scaling, and the photos' classes, (N,) int64."""
    chosen = np.sort(np.random.default_rng(0).permutation(len(photos))[:MOST_PHOTOS])
    pixels, classes = photos.batch(chosen), photos.classes[chosen]
    scalings = {name: compose(scaling_of(name, color), model.inside) for name in SCALINGS}
    predicted = {name: model.classes_of(model.predict(pixels, scaling)) for name, scaling in scalings.items()}
    return {name: answers == classes for name, answers in predicted.items()}, classes


def _clearly_best(hits: Mapping[str, Hits], classes: ClassIds, path: Path, figures: str) -> str:
    """Returns the name of the scaling with which most photos are recognised.

    Raises:
        UsageError: another scaling is as good (McNemar's test), or the best is no better than always predicting the
            most frequent class.
    """
    best, *others = sorted(hits, key=lambda name: -hits[name].mean())
    # A model may have more labels than there are folders: one that knows a thousand classes is right on ten of them.
    if hits[best].mean() <= common_share(classes):
        what = f"the model doesn't recognise the photos, whichever way pixels are scaled; top-1: {figures}"
        remedy = (
            "check that --labels has the order of the model's outputs and that --color is right; then give the "
            f"scaling that the model was trained with: --scale {', '.join(SCALINGS)}"
        )
        raise UsageError(what, where=str(path), remedy=remedy)
    for other in others:
        won, lost = int((hits[best] & ~hits[other]).sum()), int((hits[other] & ~hits[best]).sum())
        if won - lost <= _SURE * np.sqrt(won + lost):
            what = (
                f"the file doesn't state how pixels are scaled, and {best} and {other} are too close to choose "
                f"between; top-1: {figures}"
            )
            remedy = (
                "give --scale as in the training code (preprocess_input of MobileNets: -1..1; division by 255: 0..1; "
                "torchvision's Normalize: imagenet; nothing: 0..255); or more photos"
            )
            raise UsageError(what, where=str(path), remedy=remedy)
    return best
