"""Defines a bundle's manifest, `bundle.json`, and reads it strictly."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from edgetl import schema
from edgetl.card import ModelCard
from edgetl.document import check_version, read_json
from edgetl.errors import ModelError
from edgetl.files import write_atomic
from edgetl.target import MOST_THREADS, RuntimeName, variant_name

SCHEMA_VERSION = 1
"""A manifest has this version; another one is refused."""
MANIFEST = "bundle.json"
"""The name of the manifest in a bundle's folder."""
REMEDY = "copy the whole folder again, or convert again"
"""The remedy for a damaged bundle."""
_MOST_PHOTOS = 256
"""A bundle may have at most this many golden photos, as all are in memory at once; `edgetl convert` makes 8."""
_LONGEST_PATH = 200
"""The path of a file in a bundle has at most this many characters: file systems allow 255 bytes for a name."""


@dataclass(frozen=True, slots=True)
class Interval:
    """The 95 % confidence interval of a figure.

    Attributes:
        low: lower end.
        high: upper end.
    """

    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Unlabelled:
    """What a comparison with the Keras model shows without the true labels.

    Attributes:
        photos: number of photos: the validation photos, and changed copies of training photos if these are too few.
        answers: number of answers compared: labels of a classifier, or clear boxes of both detectors.
        agreement: share of the answers that are the same, 0..1; see `Measurement.agreement`.
        expected_drop: the loss of top-1 or mAP that the Keras model's own outputs let expect, -1..1; see
            `edgetl.host.convert.gate.expected_drop`.
        expected_map50_drop: expected loss of the mAP at IoU 0.50, -1..1; 0 for a classifier.
    """

    photos: int
    answers: int
    agreement: float
    expected_drop: float
    expected_map50_drop: float = 0.0


@dataclass(frozen=True, slots=True)
class Measurement:
    """The figures of a converted variant on the validation photos, measured through the device's own code.

    Attributes:
        accuracy: top-1 of a classifier or mAP of a detector, 0..1.
        accuracy_drop: the Keras model's accuracy less the variant's, -1..1.
        worst_class: the class whose recall, or mAP for a detector, fell most.
        worst_class_drop: the fall of that class, -1..1.
        agreement: share of the photos on which the variant and the Keras model have the same top label, 0..1; for a
            detector the share of the boxes that both show, see `edgetl.host.convert.gate.detector.agreement`.
        max_score_difference: largest |score - Keras score| of any photo, 0..1; for a detector, of any box that both
            found.
        latency_ms: median time of one inference on the converting machine with one thread, ms.
        class_drops: fall of each class's recall, or mAP for a detector, -1..1, by the class's name.
        metrics: further figures by name: a detector's `map50` and `map50_drop`, 0..1; the largest difference of any of
            its cells from Keras's, `cell_score_difference`, 0..1, and `cell_edge_px`, px of the input.
        intervals: what the photos can tell of `accuracy_drop`, `agreement` and `map50_drop`, by these names; empty in
            a bundle of an earlier version.
        unlabelled: the comparison that needs no labels; None in a bundle of an earlier version.
        undecided: the gate's limits that the validation photos can't decide on, by the names in `intervals`; the
            comparison without labels decided.
    """

    accuracy: float
    accuracy_drop: float
    worst_class: str
    worst_class_drop: float
    agreement: float
    max_score_difference: float
    latency_ms: float
    class_drops: dict[str, float] = field(default_factory=dict)
    metrics: dict[str, float] = field(default_factory=dict)
    intervals: dict[str, Interval] = field(default_factory=dict)
    unlabelled: Unlabelled | None = None
    undecided: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Variant:
    """One converted form of the model.

    Attributes:
        recipe: the way of conversion, one of `edgetl.target.RECIPES`, or `as_given`.
        runtime: the library that runs the file.
        file: path of the model file, relative to the bundle; empty if the variant was refused.
        sha256: SHA-256 of that file, as hex.
        bytes: size of the model file and of its weights.
        golden: path of the JSON file with the outputs expected of the golden photos, relative to the bundle.
        golden_sha256: SHA-256 of that file, as hex.
        measured: figures on the validation photos; the file has their keys beside the others.
        accepted: whether the variant meets the target's gate.
        note: further steps that were needed to meet the gate, or the reasons why it is missed.
        weights: path of the file with the weights, relative to the bundle; empty if the model file holds them.
        weights_sha256: SHA-256 of the weights' file, as hex; empty if there is none.
    """

    recipe: str
    runtime: RuntimeName
    file: str
    sha256: str
    bytes: int
    golden: str
    golden_sha256: str
    measured: Measurement = field(metadata=schema.FLAT)
    accepted: bool
    note: str = ""
    weights: str = ""
    weights_sha256: str = ""

    @property
    def name(self) -> str:
        """The variant's name within the bundle, see `edgetl.target.variant_name`."""
        return variant_name(self.runtime, self.recipe)

    @property
    def files(self) -> dict[str, str]:
        """The SHA-256 of the model file and of the weights' file, if there is one, by path."""
        return {self.file: self.sha256} | ({self.weights: self.weights_sha256} if self.weights else {})


@dataclass(frozen=True, slots=True)
class GoldenPhoto:
    """A validation photo that the bundle contains without loss.

    Attributes:
        file: path of the PNG file, relative to the bundle.
        sha256: SHA-256 of that file, as hex.
        label: label of the photo; for a detector the classes of its boxes, or `background`.
    """

    file: str
    sha256: str
    label: str


@dataclass(frozen=True, slots=True)
class Manifest:
    """The content of `bundle.json`.

    Attributes:
        card: the model's card.
        target: name of the target for which the model was converted.
        threads: number of threads for inference, from the target.
        chosen: name of the variant that runs by default.
        variants: all variants; refused ones have figures but no files.
        golden: photos on which every variant is replayed.
        schema: version of the manifest's format.
    """

    card: ModelCard
    target: str
    threads: int
    chosen: str
    variants: tuple[Variant, ...]
    golden: tuple[GoldenPhoto, ...]
    schema: int = SCHEMA_VERSION


def is_bundle(path: Path) -> bool:
    """Says whether a path is a bundle's folder: whether it has a manifest, which isn't opened.

    Args:
        path: the path, which need not exist.
    """
    return (path / MANIFEST).is_file()


def read_manifest(folder: Path) -> Manifest:
    """Reads the manifest of a bundle's folder.

    Args:
        folder: the bundle's folder.

    Raises:
        ModelError: the folder is no bundle, the schema version is unknown, a path leaves the folder, or a value is out
            of range.
    """
    path = folder / MANIFEST
    manifest = _parsed(path)
    ModelCard.from_dict(manifest.card.to_dict(), where=str(path))
    if problem := _problem(manifest):
        raise ModelError(problem, where=str(path), remedy=REMEDY)
    return manifest


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """Writes `bundle.json` and `labels.txt` into a bundle's folder.

    Args:
        folder: the bundle's folder.
        manifest: the content of `bundle.json`.
    """
    write_atomic(folder / "labels.txt", "\n".join(manifest.card.labels) + "\n")
    write_atomic(folder / MANIFEST, json.dumps(schema.document(manifest), indent=2) + "\n")


def _parsed(path: Path) -> Manifest:
    if not path.is_file():
        inside = sorted(filter(is_bundle, path.parent.glob("*")))
        name_one = "name a folder made by `edgetl convert`; `edgetl models` lists them"
        remedy = f"choose one of: {', '.join(map(str, inside))}" if inside else name_one
        raise ModelError(f"there is no bundle here: {MANIFEST} is missing", where=str(path.parent), remedy=remedy)
    data = read_json(path)
    check_version(data, SCHEMA_VERSION, str(path))
    try:
        return schema.parse(Manifest, data)
    except schema.SchemaError as error:
        raise ModelError(f"{MANIFEST} is not valid: {error}", where=str(path), remedy=REMEDY) from error


def _path_problem(file: str) -> str:
    """Returns why a path can't be one of a file in a bundle; an empty text if it can."""
    path = PurePosixPath(file)
    if path.is_absolute() or ".." in path.parts or "\\" in file or ":" in file:
        return f"{file[:_LONGEST_PATH]!r} leaves the bundle's folder"
    return f"{file[:40]!r} and so on is too long for a path" if len(file) > _LONGEST_PATH else ""


def _weights_of(variant: Variant) -> str:
    """Returns the file from which the runtime reads the weights; it finds the file itself, so its digest must count."""
    path = PurePosixPath(variant.file)
    return str(path.with_suffix(".bin")) if variant.runtime == "openvino" and path.name else ""


def _problem(manifest: Manifest) -> str:
    """Returns what is wrong with a manifest's values; an empty text if nothing is."""
    if len(manifest.golden) > _MOST_PHOTOS:
        return f"the bundle has {len(manifest.golden)} golden photos, and {_MOST_PHOTOS} are allowed"
    files = [photo.file for photo in manifest.golden]
    files += [name for v in manifest.variants for name in (v.file, v.weights, v.golden)]
    problem = next(filter(None, map(_path_problem, files)), "")
    if problem:
        return problem
    if not 1 <= manifest.threads <= MOST_THREADS:
        return f"threads must be 1 to {MOST_THREADS}, got {manifest.threads}"
    accepted = [variant for variant in manifest.variants if variant.accepted]
    for variant in accepted:
        if variant.weights != _weights_of(variant):
            return f"the weights of {variant.name} must be {_weights_of(variant)!r}, got {variant.weights!r}"
    exists = manifest.chosen in [variant.name for variant in accepted]
    return "" if exists else f"the chosen variant {manifest.chosen!r} is not there"
