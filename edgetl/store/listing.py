"""Lists the stored models, as a table for people and as JSON."""

from __future__ import annotations

import csv
import math
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from edgetl.bundle import Bundle
from edgetl.errors import EdgetlError
from edgetl.files import read_regular
from edgetl.schema import LARGEST, MOST_TOML_BYTES, parse_toml
from edgetl.store.model import Damaged, StoredModel
from edgetl.store.version_choice import FIGURES
from edgetl.text import printable

_MOST_HISTORY_BYTES = 16 << 20
"""A history may have at most this many bytes, enough for 100,000 epochs."""
_LONGEST_CELL = 100
"""A text in the table has at most this many characters, so that one odd card doesn't widen the columns of all."""
_HEAD = (
    "name",
    "task",
    "classes",
    "measured",
    "version",
    "px",
    "MB",
    "seed",
    "time",
    "ms",
    "trained",
    "from",
    "bundles",
)


@dataclass(frozen=True, slots=True)
class Entry:
    """One version of a stored model, as `edgetl models --json` prints it.

    Attributes:
        name: reference of the version: `NAME` if it is current, else `NAME@N`.
        version: number of the version.
        current: whether the version is the current one.
        task: task of the model, classification or detection.
        labels: names of the classes.
        metrics: figures on the validation photos by name, e.g. `top1` or `map`, 0..1.
        size: height and width of the input, px.
        bytes: size of the weights.
        seed: seed of the training; None if it isn't known.
        split_seed: seed of the choice of validation photos; None if it isn't known.
        seconds: duration of all epochs, s; None if it isn't known.
        created: time of the training, ISO 8601 in UTC.
        origin: backbone, width multiplier, and origin of the weights.
        bundles: median time of one inference for each bundle by target, ms: of the chosen variant, on the machine that
            converted it, with one thread; None if the bundle can't be read.
        folder: path of the version's folder.
    """

    name: str
    version: int
    current: bool
    task: str
    labels: tuple[str, ...]
    metrics: dict[str, float]
    size: tuple[int, int]
    bytes: int
    seed: int | None
    split_seed: int | None
    seconds: float | None
    created: str
    origin: str
    bundles: dict[str, float | None]
    folder: str


def entry(model: StoredModel) -> Entry:
    """Returns the facts about a stored version.

    Args:
        model: the version.
    """
    card = model.card
    return Entry(
        name=model.reference,
        version=model.number,
        current=model.is_current,
        task=card.task,
        labels=card.labels,
        metrics=card.metrics,
        size=(card.input.height, card.input.width),
        bytes=_bytes(model.weights),
        seed=_seed(model.folder / "train.toml"),
        split_seed=card.dataset.seed if card.dataset else None,
        seconds=_seconds(model.folder / "history.csv"),
        created=card.created,
        origin=_origin(model),
        bundles={folder.name: _milliseconds(folder) for folder in model.bundles()},
        folder=str(model.folder),
    )


def rows(models: Sequence[StoredModel], damaged: Sequence[Damaged]) -> list[dict[str, object]]:
    """Returns models as JSON-ready values.

    Args:
        models: the versions that can be opened.
        damaged: the versions that can't be opened; each of these has the keys `name` and `problem` only.
    """
    return [
        *(asdict(entry(model)) for model in models),
        *({"name": one.name, "problem": one.reason} for one in damaged),
    ]


def table(models: Sequence[StoredModel]) -> str:
    """Returns models as a table for people.

    Args:
        models: the versions, one for each row.
    """
    lines = [_HEAD, *(_cells(entry(model)) for model in models)]
    widths = [max(len(line[i]) for line in lines) for i in range(len(_HEAD))]
    return "\n".join("  ".join(f"{cell:<{w}}" for cell, w in zip(line, widths, strict=True)).rstrip() for line in lines)


def _cells(row: Entry) -> tuple[str, ...]:
    key, figure = FIGURES["detection" if row.task == "detection" else "classification"]
    cells = (
        row.name,
        row.task,
        str(len(row.labels)),
        f"{figure} {row.metrics[key]:.3f}" if key in row.metrics else "",
        str(row.version),
        "x".join(map(str, dict.fromkeys(row.size))),
        f"{row.bytes / 1e6:.1f}",
        "" if row.seed is None else str(row.seed),
        _duration(row.seconds),
        ", ".join("?" if ms is None else f"{ms:.3g}" for ms in row.bundles.values()),
        row.created[:10],
        row.origin,
        ", ".join(row.bundles),
    )
    return tuple(cell if len(cell) <= _LONGEST_CELL else f"{cell[:_LONGEST_CELL]}…" for cell in map(printable, cells))


def _duration(seconds: float | None) -> str:
    if seconds is None:
        return ""
    return f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.0f} min"


def _origin(model: StoredModel) -> str:
    backbone = model.card.backbone
    if backbone is None:
        return "elsewhere"
    kind = "elsewhere" if backbone.name == "foreign" else f"{backbone.name} {backbone.alpha:g}"
    return f"{kind}, {backbone.weights}"


def _bytes(weights: Path) -> int:
    files = weights.rglob("*") if weights.is_dir() else [weights]
    return sum(file.stat().st_size for file in files if file.is_file())


def _seed(file: Path) -> int | None:
    with suppress(OSError, ValueError):  # a file that the user edited must not hide the model
        seed = parse_toml(read_regular(file, MOST_TOML_BYTES)).get("seed")
        return seed if type(seed) is int and abs(seed) <= LARGEST else None
    return None


def _seconds(file: Path) -> float | None:
    with suppress(OSError, ValueError, TypeError, csv.Error):
        rows = csv.DictReader(read_regular(file, _MOST_HISTORY_BYTES).decode().splitlines())
        seconds = sum(float(row["seconds"]) for row in rows if row.get("seconds"))
        return round(seconds, 1) if math.isfinite(seconds) else None
    return None


def _milliseconds(folder: Path) -> float | None:
    try:
        return Bundle.open(folder).variant().measured.latency_ms
    except EdgetlError:
        return None
