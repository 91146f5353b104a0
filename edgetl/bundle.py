"""Opens bundles, the deployable folders: a card, a target, verified variants with digests, and the golden set."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from edgetl import schema
from edgetl.argument_types import path_argument
from edgetl.document import read_json
from edgetl.errors import ModelError, UsageError
from edgetl.files import sha256_of
from edgetl.folders import restore_folder
from edgetl.golden import GoldenBoxes
from edgetl.manifest import (
    MANIFEST,
    REMEDY,
    GoldenPhoto,
    Manifest,
    Measurement,
    Variant,
    is_bundle,
    read_manifest,
    write_manifest,
)
from edgetl.text import counted
from edgetl.vision.arrays import Image, Scores
from edgetl.vision.photo import read_photo
from edgetl.wrong_file import wrong_file_at

__all__ = [
    "MANIFEST",
    "Bundle",
    "GoldenPhoto",
    "Manifest",
    "Measurement",
    "Variant",
    "is_bundle",
    "write_manifest",
]

_LARGEST_FILE = 1 << 31
"""A file of a bundle may have at most this many bytes: computing the digest of a huge sparse file would take hours."""


@dataclass(frozen=True, slots=True)
class Bundle:
    """An opened bundle.

    Example:
        >>> from pathlib import Path
        >>> import edgetl
        >>> bundle = edgetl.Bundle.open(Path("models/parts/rpi"))
        >>> bundle.variant().name
        'float32'

    Attributes:
        folder: the bundle's folder.
        manifest: the content of its `bundle.json`.
    """

    folder: Path
    manifest: Manifest

    @classmethod
    def open(cls, folder: Path | str) -> Bundle:
        """Reads a bundle's manifest; the other files are checked when they are used.

        Args:
            folder: the bundle's folder.

        Raises:
            ModelError: the folder is no bundle, the schema version is unknown, or a path leaves the folder.
        """
        folder = path_argument(folder, "folder")
        restore_folder(folder)
        return cls(folder, read_manifest(folder))

    @property
    def runnable(self) -> tuple[Variant, ...]:
        """The variants that meet the gate."""
        return tuple(variant for variant in self.manifest.variants if variant.accepted)

    def variant(self, name: str | None = None) -> Variant:
        """Returns a variant.

        Args:
            name: name of the variant; None returns the chosen one.

        Raises:
            UsageError: the bundle has no such variant.
        """
        name = name or self.manifest.chosen
        for variant in self.runnable:
            if variant.name == name:
                return variant
        known = ", ".join(variant.name for variant in self.runnable)
        raise UsageError(f"no variant {name!r} here", where=str(self.folder), remedy=f"choose one of: {known}")

    def model_file(self, variant: Variant) -> Path:
        """Returns the path of a variant's model file, after the digests of the model and its weights are checked.

        Args:
            variant: a variant of this bundle that is accepted.

        Raises:
            ModelError: a file is missing, truncated or altered.
        """
        for file, sha256 in variant.files.items():
            self._checked(file, sha256)
        return self.folder / variant.file

    def golden_frames(self) -> list[Image]:
        """Reads the golden photos and checks their digests.

        Returns:
            The photos, (H, W, 3) uint8 BGR each.

        Raises:
            ModelError: a photo is missing or altered.
        """
        return [read_photo(self._checked(photo.file, photo.sha256)) for photo in self.manifest.golden]

    def golden_scores(self, variant: Variant) -> Scores:
        """Reads the scores that a classifier's variant must give for the golden photos, and checks their digest.

        Args:
            variant: a variant of this bundle that is accepted.

        Returns:
            The scores, (P, C) float32, 0..1, of P photos and C classes.

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
        """Reads the boxes that a detector's variant must find in the golden photos, and checks their digest.

        Args:
            variant: a variant of this bundle that is accepted.

        Returns:
            The boxes of each photo.

        Raises:
            ModelError: the file is missing or altered, or doesn't contain valid boxes.
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
            photos = counted(len(found), "photo")
            what = f"golden boxes are those of {photos}, but the bundle has {len(self.manifest.golden)}"
            raise ModelError(what, where=str(path), remedy=REMEDY)
        return found

    def _checked(self, file: str, sha256: str) -> Path:
        path = self.folder / file
        if not path.is_file():
            raise ModelError(f"{file} is missing from the bundle", where=str(path), remedy=REMEDY)
        if path.stat().st_size > _LARGEST_FILE or sha256_of(path) != sha256:
            what, remedy = wrong_file_at(path) or (f"{file} was altered or cut short: its SHA-256 differs", REMEDY)
            raise ModelError(what, where=str(path), remedy=remedy)
        return path


def _listed(document: object) -> list[object]:
    if not isinstance(document, list):
        raise schema.SchemaError("the document must be a list")
    return document
