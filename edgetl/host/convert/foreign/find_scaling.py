"""How pixels are scaled for a model that doesn't tell: found out by what it then says of photos."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edgetl.device.inference.input_scaling import Scaling
from edgetl.errors import UsageError
from edgetl.host.console import console
from edgetl.host.convert.foreign.model import PIXELS, ForeignModel, compose
from edgetl.host.dataset.load import Photos

SCALINGS: dict[str, Scaling] = {
    "0..255": PIXELS,
    "-1..1": Scaling((127.5,), (127.5,)),
    "0..1": Scaling((0.0,), (255.0,)),
    "imagenet": Scaling((123.675, 116.28, 103.53), (58.395, 57.12, 57.375)),
}
"""By the names of `--scale`; `imagenet` is torchvision's mean and deviation, of red, green and blue."""

MOST_PHOTOS = 200
_SURE = 2.0
"""So many standard deviations is what chance is not believed to do."""

Hits = NDArray[np.bool_]


def scaling_of(name: str, color: str) -> Scaling:
    """Returns a scaling by its name, in the order of the channels that the model takes."""
    found = SCALINGS[name]
    return Scaling(found.mean[::-1], found.std[::-1]) if color == "bgr" else found


def settle(model: ForeignModel, photos: Photos, asked: str | None, color: str) -> Scaling:
    """Returns how a model wants pixels scaled: as asked for, as its file tells, or as it recognises most photos with.

    Args:
        model: the model.
        photos: labelled; the first that are drawn serve where it must be measured. The gate's are not among them.
        asked: a key of `SCALINGS`, or None.
        color: rgb or bgr.

    Raises:
        UsageError: the model takes bytes and another scaling was asked for; or none is clearly the best.
    """
    if asked is not None:
        if model.step or model.told == "the model takes bytes":
            what = "the model takes bytes: --scale can't be given with it"
            raise UsageError(what, where=str(model.path), remedy="leave --scale out")
        return compose(scaling_of(asked, color), model.inside)
    if model.scaling is not None:
        console.print(f"pixels: {model.told}")
        return compose(model.scaling, model.inside)
    hits, classes = _measured(model, photos, color)
    told = ", ".join(f"{name} {hit.mean():.1%}" for name, hit in hits.items())
    name = _clearly_best(hits, classes, model.path, told)
    console.print(f"pixels: the model is best on {name} (top-1 on {len(classes)} photos: {told})")
    return compose(scaling_of(name, color), model.inside)


def common_share(classes: NDArray[np.int64]) -> float:
    """The top-1 of saying the most frequent class of all, and what chance may add to it; 0..1."""
    share = float(np.bincount(classes).max() / len(classes))
    return share + _SURE * float(np.sqrt(share * (1 - share) / len(classes)))


def _measured(model: ForeignModel, photos: Photos, color: str) -> tuple[dict[str, Hits], NDArray[np.int64]]:
    chosen = np.sort(np.random.default_rng(0).permutation(len(photos))[:MOST_PHOTOS])
    pixels, classes = photos.batch(chosen), photos.classes[chosen]
    scalings = {name: compose(scaling_of(name, color), model.inside) for name in SCALINGS}
    said = {name: model.classes_of(model.predict(pixels, scaling)) for name, scaling in scalings.items()}
    return {name: answers == classes for name, answers in said.items()}, classes


def _clearly_best(hits: Mapping[str, Hits], classes: NDArray[np.int64], path: Path, told: str) -> str:
    """The scaling with which most photos are recognised.

    Raises:
        UsageError: another one is as good as that (McNemar's test), or it is no better than always saying one class.
    """
    best, *others = sorted(hits, key=lambda name: -hits[name].mean())
    # Not a word about more labels than the folders': a model that knows a thousand classes is right on ten of them.
    if hits[best].mean() <= common_share(classes):
        what = f"with no scaling of pixels does the model recognise the photos; top-1: {told}"
        remedy = (
            "see that --labels has the order of the model's outputs and --color is right; then, from how it was "
            f"trained, --scale {', '.join(SCALINGS)}"
        )
        raise UsageError(what, where=str(path), remedy=remedy)
    for other in others:
        won, lost = int((hits[best] & ~hits[other]).sum()), int((hits[other] & ~hits[best]).sum())
        if won - lost <= _SURE * np.sqrt(won + lost):
            what = f"how pixels are scaled is not told, and {best} and {other} are too close to tell; top-1: {told}"
            remedy = (
                "give --scale: what the training code makes of a pixel (preprocess_input of MobileNets: -1..1, / 255: "
                "0..1, torchvision's Normalize: imagenet, nothing: 0..255); or more photos"
            )
            raise UsageError(what, where=str(path), remedy=remedy)
    return best
