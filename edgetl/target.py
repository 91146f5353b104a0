"""Defines targets, the kinds of devices to convert for, and reads them from `targets/*.toml`."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

from edgetl import schema
from edgetl.argument_types import text_argument
from edgetl.errors import UsageError
from edgetl.files import read_regular
from edgetl.schema import to_toml

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
"""A target's name has this form, so that it is a plain name of a folder."""
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
"""A target can't have one of these names, because a model's folder has files and folders that are called so."""

MOST_THREADS = 1024
"""A target or bundle may ask for at most this many threads: with very many, a runtime fails or takes all memory."""
_LONGEST_NAME = 100
"""A target's name may have at most this many characters, as it becomes part of names of folders and hidden files."""

RecipeName = Literal["float32", "float16", "static_wi8_ai8", "dynamic_wi8_afp32", "device_wi8_ai8", "portable"]
RuntimeName = Literal["tflite", "openvino"]

RECIPES: dict[RuntimeName, tuple[RecipeName, ...]] = {
    "tflite": ("float32", "float16", "static_wi8_ai8", "dynamic_wi8_afp32", "device_wi8_ai8", "portable"),
    "openvino": ("float32", "float16", "static_wi8_ai8", "portable"),
}
"""The recipes by which files for each runtime can be made."""


def variant_name(runtime: str, recipe: str) -> str:
    """Returns a variant's name, e.g. `float32` for TFLite or `openvino-float32`.

    Args:
        runtime: library that runs the variant.
        recipe: way of conversion.
    """
    return recipe if runtime == "tflite" else f"{runtime}-{recipe}"


@dataclass(frozen=True, slots=True)
class Gate:
    """The bounds that a converted variant must meet; the first two are for classifiers, the others for detectors.

    A small validation set gives coarse figures: with a hundred boxes, each box that is lost or moved is one point.

    Attributes:
        max_accuracy_drop: largest loss of top-1 against the Keras model, 0..1.
        min_agreement: smallest share of the validation photos on which the top label is the Keras model's, 0..1.
        max_map_drop: largest loss of mAP (IoU 0.50 to 0.95) against the Keras model, 0..1.
        max_map50_drop: largest loss of mAP at IoU 0.50 against the Keras model, 0..1.
        min_box_agreement: smallest share of the shown boxes that the Keras model has too, 0..1: a box of the same class
            at IoU 0.9 or more.
    """

    max_accuracy_drop: float = 0.01
    min_agreement: float = 0.96
    max_map_drop: float = 0.02
    max_map50_drop: float = 0.01
    min_box_agreement: float = 0.8


@dataclass(frozen=True, slots=True)
class Budget:
    """The bounds of time and size that the device sets.

    Attributes:
        p95_ms: time from frame to result, 95th percentile, ms; None if it isn't known.
        size_mb: size of the model file, MB; None if it doesn't matter.
    """

    p95_ms: float | None = None
    size_mb: float | None = None


@dataclass(frozen=True, slots=True)
class Target:
    """A kind of device.

    Example:
        >>> import edgetl
        >>> edgetl.Target.load("rpi").arch
        'aarch64'

    Attributes:
        name: name of the target, which is its file's name without the suffix.
        title: name of the device for people.
        arch: architecture, as `platform.machine()` returns it.
        runtimes: libraries that can run the model on the device, the preferred one first.
        recipes: ways of conversion, the preferred one, which is usually the fastest, first.
        threads: number of threads for inference.
        gate: bounds that a variant must meet.
        budget: bounds of time and size.
        board: beginning of the names of its boards in the device tree; empty for any machine of `arch`.
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
        """Returns the variants to make, the preferred one first: each recipe for every runtime that has it.

        `portable` is always last, because its output is for other software and costs time.

        Args:
            recipes: recipes to use instead of the target's; `portable` alone is added to the target's.
            runtimes: runtimes to use instead of the target's.
        """
        requested = recipes or self.recipes
        first = [recipe for recipe in requested if recipe != "portable"]
        if not first:
            first = [recipe for recipe in self.recipes if recipe != "portable"]
        last: list[RecipeName] = ["portable"] if "portable" in requested else []
        return tuple(
            (runtime, recipe)
            for recipe in first + last
            for runtime in runtimes or self.runtimes
            if recipe in RECIPES[runtime]
        )

    def to_toml(self) -> str:
        """Returns the target as TOML, without the name: that is the file's."""
        document = asdict(self)
        tables = {key: document.pop(key) for key in ("gate", "budget")}
        del document["name"]
        parts = [to_toml(document), *(f"\n[{key}]\n{to_toml(rows)}" for key, rows in tables.items() if to_toml(rows))]
        return "".join(parts)

    @classmethod
    def load(cls, name: Path | str) -> Target:
        """Reads a target by its name, or from the path of a `.toml` file.

        Args:
            name: name of a target that edgetl ships, or the path of a `.toml` file.

        Raises:
            UsageError: there is no such target, or its file has unknown, missing or mistyped keys.
        """
        name = text_argument(name, "target")
        path = Path(name) if name.endswith(".toml") else _folder() / f"{name}.toml"
        if not path.is_file():
            known = ", ".join(target_names())
            raise UsageError(f"unknown target {name!r}", remedy=f"choose one of {known}, or name a .toml file")
        try:
            data = schema.parse_toml(read_regular(path, schema.MOST_TOML_BYTES))
            return _checked(schema.parse(cls, {"name": path.stem, **data}))
        except schema.SchemaError as error:
            raise UsageError(
                f"the target file is not valid: {error}",
                where=str(path),
                remedy="correct it; see targets/rpi.toml",
            ) from error


def _checked(target: Target) -> Target:
    """Returns the target if its values are in range and its name can be that of a bundle's folder.

    Raises:
        SchemaError: a value is out of range.
    """
    budget = asdict(target.budget)
    problems = (
        (not _NAME.fullmatch(target.name), f"name must be letters, digits, '.', '_' and '-', got {target.name!r}"),
        (target.name.lower() in _TAKEN, f"name must not be {target.name!r}, which a model's folder has already"),
        (not target.recipes, "recipes must name one or more"),
        (not target.runtimes, "runtimes must name one or more"),
        (not target.candidates(), f"{', '.join(target.runtimes)} can't be made by {', '.join(target.recipes)}"),
        (len(target.name) > _LONGEST_NAME, f"name must have {_LONGEST_NAME} characters at most"),
        (target.threads < 1, f"threads must be 1 or more, got {target.threads}"),
        (target.threads > MOST_THREADS, f"threads must be {MOST_THREADS} or fewer, got {target.threads}"),
        *((v is not None and not 0 < v < 1e9, f"budget.{k} must be above 0, got {v}") for k, v in budget.items()),
        # These are shares, not points; with a negative one a conversion must be better than the Keras model.
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
    """Returns the folder of the shipped targets: inside an installed package, or beside it in a source checkout."""
    packaged = Path(__file__).parent / "targets"
    return packaged if packaged.is_dir() else Path(__file__).parent.parent / "targets"
