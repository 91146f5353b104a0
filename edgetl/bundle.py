"""The deployable folder: card, target, proved variants with their digests, and the golden set."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

import numpy as np
from numpy.typing import NDArray

from edgetl import schema
from edgetl.card import ModelCard
from edgetl.document import check_version, read_json
from edgetl.errors import ModelError, UsageError
from edgetl.files import bring_back, sha256_of, write_atomic
from edgetl.golden import GoldenBoxes
from edgetl.target import MOST_THREADS, RuntimeName, variant_name
from edgetl.vision.photo import read_photo
from edgetl.vision.preprocess import Image
from edgetl.wrong_file import wrong_file_at

SCHEMA_VERSION = 1
MANIFEST = "bundle.json"
_LARGEST_FILE = 1 << 31
"""A file of a bundle may have at most this many bytes; a sparse one would be read for hours to find its digest."""
_MOST_PHOTOS = 256
"""A bundle may have at most this many golden photos, which are all in memory at once; `edgetl convert` keeps 8."""
_LONGEST_PATH = 200
"""The path of a file in a bundle has at most this many characters: file systems allow 255 bytes for a name."""
_REMEDY = "copy the whole folder again, or convert again"


@dataclass(frozen=True, slots=True)
class Variant:
    """One converted form of the model, with what was measured of it.

    Attributes:
        recipe: how it was made.
        runtime: what runs it.
        file: its model file, relative to the bundle.
        sha256: of that file.
        bytes: of that file, with the `weights`.
        golden: its expected outputs (JSON), relative to the bundle.
        golden_sha256: of that file.
        accuracy: top-1, a detector's mAP, on the validation split, through the device's code, 0..1.
        accuracy_drop: the Keras model's less this one's.
        worst_class: the class whose recall, a detector's mAP, lost most.
        worst_class_drop: how much it lost.
        agreement: share of validation photos with the Keras model's top label, 0..1; of a detector, share of boxes
            that both of them show, see `edgetl.host.convert.judge_detector.agreement`.
        max_score_difference: largest |score - Keras score| on any validation photo; of a detector, of a box that both
            found.
        latency_ms: median invoke on the converting machine, one thread.
        accepted: whether it meets the target's gate.
        note: what was done to make it so, or why it was refused.
        class_drops: what each class's recall, a detector's mAP, lost.
        metrics: what else was measured: a detector's `map50` and `map50_drop`, 0..1, and how far any of its cells is
            from what Keras says of it, `cell_score_difference`, 0..1, and `cell_edge_px`, px of the input.
        weights: the file beside `file` that holds the weights, relative to the bundle; empty where `file` does.
        weights_sha256: of that file.
    """

    recipe: str
    runtime: RuntimeName
    file: str
    sha256: str
    bytes: int
    golden: str
    golden_sha256: str
    accuracy: float
    accuracy_drop: float
    worst_class: str
    worst_class_drop: float
    agreement: float
    max_score_difference: float
    latency_ms: float
    accepted: bool
    note: str = ""
    class_drops: dict[str, float] = field(default_factory=dict)
    metrics: dict[str, float] = field(default_factory=dict)
    weights: str = ""
    weights_sha256: str = ""

    @property
    def name(self) -> str:
        """What it is called within the bundle, see `edgetl.target.variant_name`."""
        return variant_name(self.runtime, self.recipe)

    @property
    def files(self) -> dict[str, str]:
        """The SHA-256 of its model file and, where they lie apart, of its weights."""
        return {self.file: self.sha256} | ({self.weights: self.weights_sha256} if self.weights else {})


@dataclass(frozen=True, slots=True)
class GoldenPhoto:
    """A validation photo kept losslessly in the bundle.

    Attributes:
        file: PNG, relative to the bundle.
        sha256: of that file.
        label: what it shows; of a detector's, the classes by their boxes, or `background`.
    """

    file: str
    sha256: str
    label: str


@dataclass(frozen=True, slots=True)
class Manifest:
    """What `bundle.json` says.

    Attributes:
        card: of the model.
        target: the name of the target it was converted for.
        threads: the target's choice.
        chosen: the name of the variant that runs unless another is asked for.
        variants: accepted ones carry files; refused ones only what was measured.
        golden: photos every variant is replayed on.
        schema: of this document.
    """

    card: ModelCard
    target: str
    threads: int
    chosen: str
    variants: tuple[Variant, ...]
    golden: tuple[GoldenPhoto, ...]
    schema: int = SCHEMA_VERSION


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
        path = folder / MANIFEST
        manifest = _read_manifest(path)
        ModelCard.from_dict(manifest.card.to_dict(), where=str(path))
        if len(manifest.golden) > _MOST_PHOTOS:
            what = f"the bundle has {len(manifest.golden)} golden photos, and {_MOST_PHOTOS} are allowed"
            raise ModelError(what, where=str(path), remedy=_REMEDY)
        files = [photo.file for photo in manifest.golden]
        for file in files + [name for v in manifest.variants for name in (v.file, v.weights, v.golden)]:
            if problem := _path_problem(file):
                raise ModelError(problem, where=str(path), remedy=_REMEDY)
        if not 1 <= manifest.threads <= MOST_THREADS:
            what = f"threads must be 1 to {MOST_THREADS}, got {manifest.threads}"
            raise ModelError(what, where=str(path), remedy=_REMEDY)
        for variant in manifest.variants:
            if variant.accepted and variant.weights != _weights_of(variant):
                what = f"the weights of {variant.name} must be {_weights_of(variant)!r}, got {variant.weights!r}"
                raise ModelError(what, where=str(path), remedy=_REMEDY)
        if manifest.chosen not in [v.name for v in manifest.variants if v.accepted]:
            raise ModelError(f"the chosen variant {manifest.chosen!r} is not there", where=str(path), remedy=_REMEDY)
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
            raise ModelError(f"golden scores are not valid: {error}", where=str(path), remedy=_REMEDY) from error
        if scores.shape != (len(self.manifest.golden), len(self.manifest.card.labels)):
            raise ModelError(f"golden scores have the shape {scores.shape}", where=str(path), remedy=_REMEDY)
        if not np.isfinite(scores).all():
            raise ModelError("golden scores are not finite numbers", where=str(path), remedy=_REMEDY)
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
            raise ModelError(f"golden boxes are not valid: {error}", where=str(path), remedy=_REMEDY) from error
        if len(found) != len(self.manifest.golden):
            what = f"golden boxes are those of {len(found)} photos, but there are {len(self.manifest.golden)}"
            raise ModelError(what, where=str(path), remedy=_REMEDY)
        return found

    def _checked(self, file: str, sha256: str) -> Path:
        path = self.folder / file
        if not path.is_file():
            raise ModelError(f"{file} is missing from the bundle", where=str(path), remedy=_REMEDY)
        if path.stat().st_size > _LARGEST_FILE or sha256_of(path) != sha256:
            altered = f"{file} was altered or cut short: its SHA-256 differs", _REMEDY
            what, remedy = wrong_file_at(path) or altered
            raise ModelError(what, where=str(path), remedy=remedy)
        return path


def _read_manifest(path: Path) -> Manifest:
    if not path.is_file():
        inside = sorted(file.parent for file in path.parent.glob(f"*/{MANIFEST}"))
        made = "name a folder made by `edgetl convert`; `edgetl models` lists them"
        remedy = f"choose one of: {', '.join(map(str, inside))}" if inside else made
        raise ModelError(f"there is no bundle here: {MANIFEST} is missing", where=str(path.parent), remedy=remedy)
    data = read_json(path)
    check_version(data, SCHEMA_VERSION, str(path))
    try:
        return schema.parse(Manifest, data)
    except schema.SchemaError as error:
        raise ModelError(f"{MANIFEST} is not valid: {error}", where=str(path), remedy=_REMEDY) from error


def _path_problem(file: str) -> str:
    """Says why a path can't be that of a file in a bundle; empty if it can."""
    path = PurePosixPath(file)
    if path.is_absolute() or ".." in path.parts or "\\" in file or ":" in file:
        return f"{file[:_LONGEST_PATH]!r} leaves the bundle's folder"
    return f"{file[:40]!r} and so on is too long for a path" if len(file) > _LONGEST_PATH else ""


def _weights_of(variant: Variant) -> str:
    """The file that the runtime takes the weights from, told of nothing but the model file: its digest must count."""
    path = PurePosixPath(variant.file)
    return str(path.with_suffix(".bin")) if variant.runtime == "openvino" and path.name else ""


def _listed(document: object) -> list[object]:
    if not isinstance(document, list):
        raise schema.SchemaError("the document must be a list")
    return document


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """Writes `bundle.json` and `labels.txt` into a bundle's folder."""
    document: Mapping[str, object] = dataclasses.asdict(manifest)
    write_atomic(folder / "labels.txt", "\n".join(manifest.card.labels) + "\n")
    write_atomic(folder / MANIFEST, json.dumps(document, indent=2) + "\n")
