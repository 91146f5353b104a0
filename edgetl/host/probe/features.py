"""Computes the pooled features of photos by a network, and remembers what was computed about these photos.

The results lie beside the decoded photos, in the folder of the photos' cache. They are named by what they depend on:
the pixels that the network got, the network's weights, and the version of edgetl. So they never have to be checked
against anything else, whatever the photos, the crops, their order or the input's size are.
"""

from __future__ import annotations

import hashlib
import io
import json
import shutil
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path

import numpy as np

from edgetl.errors import EdgetlError, ModelError
from edgetl.files import remove_leftovers, write_atomic
from edgetl.host.console import warn
from edgetl.host.dataset.photo_set import PhotoSet
from edgetl.host.dataset.photos import cache_folder, root_key
from edgetl.host.networks.untyped import Predictor
from edgetl.host.probe.heads import standardized
from edgetl.vision.arrays import Floats

_BATCH = 32
"""The network gets this many photos at a time; more need more memory and are hardly faster."""
_MOST_CONTENTS = 4
"""At most this many sets of photos of one data set are remembered: those of some input sizes and splits."""


@dataclass(frozen=True, slots=True)
class NetworkKey:
    """What the features of a photo depend on besides its pixels.

    Attributes:
        weights: the SHA-256 of the weights file in hex, or another text that stands for these weights alone.
        backbone: the backbone's name.
        alpha: the backbone's width multiplier.
        input_range: the range of pixel values that the backbone takes.
    """

    weights: str
    backbone: str
    alpha: float
    input_range: str


class FeatureCache:
    """The remembered results about N photos. A cache that can't be written costs time only: it is warned of once.

    Args:
        root: the folder of the data set that the photos belong to.
        photos: the N photos.
    """

    def __init__(self, root: Path, photos: PhotoSet) -> None:
        self._photos = photos
        self._root_folder = cache_folder() / f"features-{root_key(root)}"
        self._folder = self._root_folder / _pixels_key(photos)
        self._writable = True

    def features(self, key: NetworkKey, open_network: Callable[[], Predictor]) -> Floats:
        """Returns the standardized pooled features of the photos, (N, F) float32 with the precision of 16 bits.

        Args:
            key: what the features depend on.
            open_network: returns the network, which maps (B, H, W, 3) uint8 pixels to (B, F) features; it is called
                only if the features aren't remembered.

        Raises:
            ModelError: the network computes infinite numbers.
        """
        name = digest(asdict(key))
        return self.remember(f"{name}-features", lambda: standardized(pooled_features(open_network(), self._photos)))

    def remember(self, name: str, compute: Callable[[], Floats]) -> Floats:
        """Returns an array of numbers about the photos, computed now or earlier.

        Args:
            name: the name of the array, which is different if anything besides the photos is.
            compute: returns the array, (N, …) float, at most 60,000.

        Returns:
            The array, (N, …) float32 with the precision of 16 bits.
        """
        file = self._folder / f"{name}.npy"
        found = _load(file, len(self._photos))
        if found is None:
            found = compute().astype(np.float16)
            self._store(file, found)
        return found.astype(np.float32)

    def _store(self, file: Path, array: Floats) -> None:
        if not self._writable:
            return
        if not self._folder.is_dir():
            self._remove_outdated()
        content = io.BytesIO()
        np.save(content, array, allow_pickle=False)
        try:
            write_atomic(file, content.getvalue())
        except EdgetlError as error:  # the features are valid although they can't be remembered
            self._writable = False
            warn(f"the photos' features will be computed again the next time: {error.where}, {error.what}")

    def _remove_outdated(self) -> None:
        """Removes the results about the photos that were in use the longest time ago."""
        with suppress(OSError):
            contents = sorted(self._root_folder.iterdir(), key=lambda folder: folder.stat().st_mtime)
            for outdated in contents[: max(0, len(contents) + 1 - _MOST_CONTENTS)]:
                shutil.rmtree(outdated, ignore_errors=True)
            for left in contents:
                remove_leftovers(left)


def pooled_features(network: Predictor, photos: PhotoSet) -> Floats:
    """Runs N photos through a network.

    Args:
        network: a network that maps (B, H, W, 3) uint8 pixels to (B, F) features.
        photos: the N photos.

    Returns:
        The features, (N, F) float32.

    Raises:
        ModelError: the network computes infinite numbers.
    """
    rows = []
    for start in range(0, len(photos), _BATCH):
        pixels = photos.batch(slice(start, start + _BATCH))
        # A batch of another size would have the network compiled once more.
        full = np.pad(pixels, [(0, _BATCH - len(pixels)), (0, 0), (0, 0), (0, 0)])
        rows.append(np.asarray(network.predict_on_batch(full), np.float32)[: len(pixels)])
    features = np.concatenate(rows)
    if not np.isfinite(features).all():
        raise ModelError("its weights give numbers that aren't finite", remedy="give other weights")
    return features


def digest(value: object) -> str:
    """Returns a short name for a JSON-ready value and this version of edgetl."""
    return hashlib.blake2b(json.dumps([value, version("edgetl")]).encode(), digest_size=10).hexdigest()


def _pixels_key(photos: PhotoSet) -> str:
    """Returns the digest of the pixels of all photos in their order."""
    found = hashlib.blake2b(str(photos.pixels.shape[1:]).encode(), digest_size=10)
    for start in range(0, len(photos), _BATCH):
        found.update(np.ascontiguousarray(photos.batch(slice(start, start + _BATCH))).data)
    return found.hexdigest()


def _load(file: Path, count: int) -> Floats | None:
    """Reads a remembered array, (count, …) float16; returns None if it is missing or damaged."""
    try:
        with file.open("rb") as stream:
            array = np.load(stream, allow_pickle=False)
    except (OSError, ValueError, EOFError):
        return None
    sound = array.dtype == np.float16 and array.ndim > 0 and len(array) == count and np.isfinite(array).all()
    return array if sound else None
