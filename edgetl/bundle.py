"""The deployable folder: card, target, proved variants with their digests, and the golden set."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edgetl import schema
from edgetl.document import read_json
from edgetl.errors import ModelError, UsageError
from edgetl.files import bring_back, sha256_of
from edgetl.golden import GoldenBoxes
from edgetl.manifest import MANIFEST as MANIFEST  # with the following, part of what a bundle is
from edgetl.manifest import REMEDY, read_manifest
from edgetl.manifest import GoldenPhoto as GoldenPhoto
from edgetl.manifest import Manifest as Manifest
from edgetl.manifest import Measurement as Measurement
from edgetl.manifest import Variant as Variant
from edgetl.manifest import is_bundle as is_bundle
from edgetl.manifest import write_manifest as write_manifest
from edgetl.vision.arrays import Image
from edgetl.vision.photo import read_photo
from edgetl.wrong_file import wrong_file_at

_LARGEST_FILE = 1 << 31
"""A file of a bundle may have at most this many bytes; a sparse one would be read for hours to find its digest."""


@dataclass(frozen=True, slots=True)
class Bundle:
    """An opened bundle."""

    folder: Path
    manifest: Manifest

    @classmethod
    def open(cls, folder: Path) -> Bundle:
        """Reads a bundle's manifest; its files are checked as they are taken out.

        Raises:
            ModelError: no bundle, an unknown schema version, or a path that leaves the folder.
        """
        bring_back(folder)
        manifest = read_manifest(folder)
        return cls(folder, manifest)

    @property
    def runnable(self) -> tuple[Variant, ...]:
        """The variants that met the gate."""
        return tuple(variant for variant in self.manifest.variants if variant.accepted)

    def variant(self, name: str | None = None) -> Variant:
        """Returns a variant by its name; None gives the chosen one.

        Raises:
            UsageError: the bundle has no such variant.
        """
        wanted = name or self.manifest.chosen
        for variant in self.runnable:
            if variant.name == wanted:
                return variant
        known = ", ".join(variant.name for variant in self.runnable)
        raise UsageError(f"no variant {wanted!r} here", where=str(self.folder), remedy=f"choose one of: {known}")

    def model_file(self, variant: Variant) -> Path:
        """Returns the path of a variant's model file; its digest, and that of weights that lie beside it, checked.

        Raises:
            ModelError: a file is missing, truncated or altered.
        """
        for file, sha256 in variant.files.items():
            self._checked(file, sha256)
        return self.folder / variant.file

    def golden_frames(self) -> list[Image]:
        """Reads the golden photos, their digests checked.

        Raises:
            ModelError: one is missing or altered.
        """
        return [read_photo(self._checked(photo.file, photo.sha256)) for photo in self.manifest.golden]

    def golden_scores(self, variant: Variant) -> NDArray[np.float32]:
        """Reads the (photos, classes) scores expected of a variant, their digest checked.

        Raises:
            ModelError: the file is missing or altered, or has another shape.
        """
        path = self._checked(variant.golden, variant.golden_sha256)
        try:
            scores = np.asarray(read_json(path), np.float32)
        except (ValueError, TypeError, OverflowError) as error:
            raise ModelError(f"golden scores are not valid: {error}", where=str(path), remedy=REMEDY) from error
        if scores.shape != (len(self.manifest.golden), len(self.manifest.card.labels)):
            raise ModelError(f"golden scores have the shape {scores.shape}", where=str(path), remedy=REMEDY)
        if not np.isfinite(scores).all():
            raise ModelError("golden scores are not finite numbers", where=str(path), remedy=REMEDY)
        return scores

    def golden_boxes(self, variant: Variant) -> list[GoldenBoxes]:
        """Reads what is expected of a detector's variant, one for each golden photo, their digest checked.

        Raises:
            ModelError: the file is missing or altered, or doesn't hold such boxes.
        """
        path = self._checked(variant.golden, variant.golden_sha256)
        rows = read_json(path)
        try:
            found = [schema.parse(GoldenBoxes, row, f"[{i}]") for i, row in enumerate(_listed(rows))]
            for boxes in found:
                boxes.require(len(self.manifest.card.labels))
        except schema.SchemaError as error:
            raise ModelError(f"golden boxes are not valid: {error}", where=str(path), remedy=REMEDY) from error
        if len(found) != len(self.manifest.golden):
            what = f"golden boxes are those of {len(found)} photos, but there are {len(self.manifest.golden)}"
            raise ModelError(what, where=str(path), remedy=REMEDY)
        return found

    def _checked(self, file: str, sha256: str) -> Path:
        path = self.folder / file
        if not path.is_file():
            raise ModelError(f"{file} is missing from the bundle", where=str(path), remedy=REMEDY)
        if path.stat().st_size > _LARGEST_FILE or sha256_of(path) != sha256:
            altered = f"{file} was altered or cut short: its SHA-256 differs", REMEDY
            what, remedy = wrong_file_at(path) or altered
            raise ModelError(what, where=str(path), remedy=remedy)
        return path


def _listed(document: object) -> list[object]:
    if not isinstance(document, list):
        raise schema.SchemaError("the document must be a list")
    return document
