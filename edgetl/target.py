"""Targets: a device as data, read from `targets/*.toml`."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

from edgetl import schema
from edgetl.errors import UsageError
from edgetl.files import read_regular
from edgetl.schema import to_toml

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_TAKEN = (
    "report",
    "saved_model",
    "model.keras",
    "model.tflite",
    "card.json",
    "train.toml",
    "import.toml",
    "history.csv",
    "version",
    "versions",
)

MOST_THREADS = 1024
"""A target or bundle may ask for so many threads; a runtime that is given very many fails or takes all memory."""
_LONGEST_NAME = 100
"""A target's name becomes part of the names of folders and hidden files."""

RecipeName = Literal["float32", "float16", "static_wi8_ai8", "dynamic_wi8_afp32", "device_wi8_ai8", "portable"]
RuntimeName = Literal["tflite", "openvino"]

RECIPES: dict[RuntimeName, tuple[RecipeName, ...]] = {
    "tflite": ("float32", "float16", "static_wi8_ai8", "dynamic_wi8_afp32", "device_wi8_ai8", "portable"),
    "openvino": ("float32", "float16", "static_wi8_ai8", "portable"),
}
"""What each runtime's files can be made by."""


def variant_name(runtime: str, recipe: str) -> str:
    """Returns what a variant is called, e.g. `float32` (TFLite's) or `openvino-float32`."""
    return recipe if runtime == "tflite" else f"{runtime}-{recipe}"


@dataclass(frozen=True, slots=True)
class Gate:
    """What a converted variant must keep; the first two of a classifier, the others of a detector.

    A figure is as coarse as the validation set is small: with a hundred boxes, one that is lost or moved is a point.

    Attributes:
        max_accuracy_drop: largest loss of top-1 against the Keras model, 0..1.
        min_agreement: smallest share of validation photos on which the top label is the Keras model's, 0..1.
        max_map_drop: largest loss of mAP (IoU 0.50 to 0.95) against the Keras model, 0..1.
        max_map50_drop: largest loss of mAP at IoU 0.50, 0..1.
        min_box_agreement: smallest share of the boxes shown that are the Keras model's, of one class and at IoU 0.9;
            0..1.
    """

    max_accuracy_drop: float = 0.01
    min_agreement: float = 0.96
    max_map_drop: float = 0.02
    max_map50_drop: float = 0.01
    min_box_agreement: float = 0.8


@dataclass(frozen=True, slots=True)
class Budget:
    """What the device can afford.

    Attributes:
        p95_ms: frame to result, 95th percentile, ms; None where it isn't known.
        size_mb: model file, MB; None where it doesn't matter.
    """

    p95_ms: float | None = None
    size_mb: float | None = None


@dataclass(frozen=True, slots=True)
class Target:
    """A kind of device.

    Attributes:
        name: of the file, without its suffix.
        title: for people.
        arch: as `platform.machine()` says it.
        runtimes: the libraries that can run the model there, the preferred first.
        recipes: conversion candidates, the preferred (usually fastest) first.
        threads: for inference.
        gate: see `Gate`.
        budget: see `Budget`.
        board: how the names of its boards begin, as their device tree tells; empty for any machine of `arch`.
    """

    name: str
    title: str
    arch: Literal["aarch64", "x86_64"]
    runtimes: tuple[RuntimeName, ...]
    recipes: tuple[RecipeName, ...]
    threads: int
    gate: Gate = Gate()
    budget: Budget = Budget()
    board: str = ""

    def candidates(
        self, recipes: Sequence[RecipeName] = (), runtimes: Sequence[RuntimeName] = ()
    ) -> tuple[tuple[RuntimeName, RecipeName], ...]:
        """Returns what to convert to, the preferred first: each recipe for every runtime that has it.

        `portable` comes last, wherever it was named: what it adds is for other software, and costs time.

        Args:
            recipes: instead of the target's; `portable` alone comes on top of those.
            runtimes: likewise.
        """
        asked = recipes or self.recipes
        first = [recipe for recipe in asked if recipe != "portable"]
        if not first:
            first = [recipe for recipe in self.recipes if recipe != "portable"]
        last: list[RecipeName] = ["portable"] if "portable" in asked else []
        return tuple(
            (runtime, recipe)
            for recipe in first + last
            for runtime in runtimes or self.runtimes
            if recipe in RECIPES[runtime]
        )

    def to_toml(self) -> str:
        """Returns the target as TOML without its name, which is that of the file it is saved in."""
        document = asdict(self)
        tables = {key: document.pop(key) for key in ("gate", "budget")}
        del document["name"]
        parts = [to_toml(document), *(f"\n[{key}]\n{to_toml(rows)}" for key, rows in tables.items() if to_toml(rows))]
        return "".join(parts)

    @classmethod
    def load(cls, name: str) -> Target:
        """Reads a target by its name, or from the path of a `.toml` file.

        Raises:
            UsageError: no such target, or a file with unknown, missing or mistyped keys.
        """
        path = Path(name) if name.endswith(".toml") else _folder() / f"{name}.toml"
        if not path.is_file():
            known = ", ".join(target_names())
            raise UsageError(f"unknown target {name!r}", remedy=f"choose one of {known}, or name a .toml file")
        try:
            data = schema.parse_toml(read_regular(path, schema.MOST_TOML_BYTES))
            return _sensible(schema.parse(cls, {"name": path.stem, **data}))
        except schema.SchemaError as error:
            raise UsageError(
                f"the target file is not valid: {error}",
                where=str(path),
                remedy="correct it; see targets/rpi.toml",
            ) from error


def _sensible(target: Target) -> Target:
    """Returns a target whose values can be meant: its name becomes a folder's, beside `report/`."""
    budget = asdict(target.budget)
    problems = (
        (not _NAME.fullmatch(target.name), f"name must be letters, digits, '.', '_' and '-', got {target.name!r}"),
        (target.name.lower() in _TAKEN, f"name must not be {target.name!r}, which a model's folder has already"),
        (not target.recipes, "recipes must name one or more"),
        (not target.runtimes, "runtimes must name one or more"),
        (not target.candidates(), f"{', '.join(target.runtimes)} can't be had by {', '.join(target.recipes)}"),
        (len(target.name) > _LONGEST_NAME, f"name must have {_LONGEST_NAME} characters at most"),
        (target.threads < 1, f"threads must be 1 or more, got {target.threads}"),
        (target.threads > MOST_THREADS, f"threads must be {MOST_THREADS} or fewer, got {target.threads}"),
        *((v is not None and not 0 < v < 1e9, f"budget.{k} must be above 0, got {v}") for k, v in budget.items()),
        # In shares, not in points; below 0 a conversion has to gain.
        *((not -1 <= v <= 1, f"gate.{k} must be -1 to 1, got {v:g}") for k, v in asdict(target.gate).items()),
    )
    for wrong, text in problems:
        if wrong:
            raise schema.SchemaError(text)
    return target


def target_names() -> tuple[str, ...]:
    """Returns the names of the targets that edgetl ships."""
    return tuple(sorted(path.stem for path in _folder().glob("*.toml")))


def _folder() -> Path:
    """The shipped targets: inside an installed package, or beside it in a source checkout."""
    packaged = Path(__file__).parent / "targets"
    return packaged if packaged.is_dir() else Path(__file__).parent.parent / "targets"
