"""Chooses the weights that `--weights auto` stands for: ImageNet's if Keras can get them, else the starter."""

from __future__ import annotations

from edgetl.host.console import console
from edgetl.host.train.options import TrainOptions
from edgetl.host.train.weights import backbones, starter
from edgetl.host.train.weights.failed_download import failed_lately, note_failure
from edgetl.host.train.weights.source import WeightsSource, choose_network

_IMAGENET = WeightsSource("imagenet", "imagenet")
_STARTER = WeightsSource("starter", "starter")


def replace_auto(source: WeightsSource, options: TrainOptions, size: int) -> WeightsSource:
    """Replaces the source `auto` by ImageNet's weights if Keras has them or can download them, else by the starter.

    The choice and its reason are printed. After a download failed, it is not tried again for a day, see
    `failed_download`.

    Args:
        source: the opened source; every other kind than `auto` is returned unchanged.
        options: the options as the user stated them.
        size: the input's height and width, px; Keras has ImageNet weights for several sizes.

    Raises:
        DownloadError: ImageNet's weights can't be downloaded, and the starter is another network.
        EdgetlError: ImageNet's weights are cached, but damaged.
    """
    if source.kind != "auto":
        return source
    name, alpha = choose_network(options, source)
    if (name, alpha) == starter.NETWORK and failed_lately():
        console.print(
            "weights: the starter that comes with edgetl; the download of ImageNet's weights failed within the last "
            "day, and --weights imagenet tries it again"
        )
        return _STARTER
    try:
        backbones.build(name, alpha, size, size, imagenet=True)
    except backbones.DownloadError as error:
        if (name, alpha) != starter.NETWORK:
            remedy = "leave out --backbone and --alpha to begin from the starter, or give --weights FILE or none"
            raise backbones.DownloadError(error.what, where="--weights auto", remedy=remedy) from error
        note_failure()
        console.print(f"weights: the starter that comes with edgetl; {error.what}", markup=False)
        return _STARTER
    console.print("weights: ImageNet's, which Keras has downloaded now or earlier")
    return _IMAGENET
