"""One conversion from a model of the store to a bundle for a target."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import get_args

from edgetl import store
from edgetl.bundle import Bundle, GoldenPhoto, Manifest, Variant, write_manifest
from edgetl.card import ModelCard
from edgetl.device.model import Model
from edgetl.device.runtime import open_runtime
from edgetl.errors import GateError, UsageError
from edgetl.files import new_folder, sha256_of, write_atomic
from edgetl.host.convert import golden
from edgetl.host.convert.gate import Measurement, measure, misses
from edgetl.host.convert.metadata import embed
from edgetl.host.convert.recipes import Attempt, attempts
from edgetl.host.dataset.load import Dataset
from edgetl.host.evaluate import Evaluation
from edgetl.host.progress import console
from edgetl.host.report import write_conversion_report
from edgetl.host.stored import dataset_of, load_keras, predict
from edgetl.host.untyped import Network
from edgetl.target import RecipeName, Target


def convert(
    name: str | None, target_name: str, *, recipes: Sequence[str] = (), data: str | None = None, seed: int = 0
) -> Bundle:
    """Converts a model for a target and writes its bundle to `models/NAME/TARGET`.

    Args:
        name: of the model; None takes the one trained last.
        target_name: see `Target.load`.
        recipes: instead of the target's.
        data: the data set's folder, where it has moved.
        seed: of the choice of representative and golden photos.

    Raises:
        UsageError: no such model, target or recipe.
        DatasetError: the photos are gone or have changed since training.
        GateError: no variant keeps enough accuracy.
    """
    target = Target.load(target_name)
    wanted = _recipes(recipes) or target.recipes
    stored = store.open_model(name)
    photos = dataset_of(stored.card, data)
    model = load_keras(stored)
    reference = Evaluation(stored.card.labels, photos.val.classes, predict(model, photos.val))
    console.print(f"{stored.card.name}: {reference.top1:.1%} top-1 in Keras on {len(photos.val)} validation photos")
    folder = stored.bundle(target.name)
    with new_folder(folder) as work:
        kept = golden.write_photos(work, stored.card, photos.val, golden.choose(photos.val, seed))
        maker = _Maker(work, stored.card, target, model, photos, reference, kept, seed)
        variants = tuple(maker.make(recipe) for recipe in wanted)
        chosen = next((variant.recipe for variant in variants if variant.accepted), None)
        console.print(table(variants, chosen))
        if chosen is None:
            raise GateError(
                f"no variant of {stored.card.name} meets the gate of {target.name}",
                where="; ".join(f"{v.recipe} {v.note}" for v in variants),
                remedy="train longer or with more photos, try other --recipe, or a target file with a wider [gate]",
            )
        manifest = Manifest(stored.card, target.name, target.threads, chosen, variants, kept)
        write_manifest(work, manifest)
        write_conversion_report(work / "report.html", manifest)
    console.print(f"bundle  {folder}\nnext    edgetl verify {folder}")
    return Bundle.open(folder)


@dataclass(frozen=True, slots=True)
class _Maker:
    """Makes, proves and writes the variants of one conversion."""

    folder: Path
    card: ModelCard
    target: Target
    model: Network
    data: Dataset
    reference: Evaluation
    photos: tuple[GoldenPhoto, ...]
    seed: int

    def make(self, recipe: RecipeName) -> Variant:
        """Makes a recipe's variant, trying what helps while it misses the gate; a refused one leaves no file."""
        tried: list[str] = []
        refused: list[tuple[float, int, Measurement]] = []
        for attempt in attempts(recipe, self.model, self.data.train, self.seed):
            measured, missed = self._try(recipe, attempt)
            if not missed:
                return self._accept(recipe, measured, "; ".join([*tried, attempt.note] if tried else []))
            tried.append(f"{attempt.note or 'plain'}: {missed}")
            console.print(f"{recipe}, {tried[-1]}")
            refused.append((measured.accuracy, self._file(recipe).stat().st_size, measured))
            self._file(recipe).unlink()
        _, size, best = max(refused, key=lambda row: row[0])
        facts = asdict(best) | {"sha256": "", "bytes": size, "golden": "", "golden_sha256": ""}
        return Variant(recipe=recipe, runtime="tflite", file="", accepted=False, note="; ".join(tried), **facts)

    def _try(self, recipe: RecipeName, attempt: Attempt) -> tuple[Measurement, str]:
        console.print(f"{recipe}: converting" + (f", {attempt.note}" if attempt.note else ""))
        write_atomic(self._file(recipe), embed(attempt.make(), self.card))
        with Model(open_runtime("tflite", self._file(recipe), 1), self.card) as model:
            measured = measure(model, self.data.val, self.reference)
        return measured, misses(measured, self.target.gate, recipe)

    def _accept(self, recipe: RecipeName, measured: Measurement, note: str) -> Variant:
        path = self._file(recipe)
        with Model(open_runtime("tflite", path, 1), self.card) as model:
            file, digest = golden.write_scores(self.folder, recipe, model, self.photos)
        facts = asdict(measured) | {"sha256": sha256_of(path), "bytes": path.stat().st_size}
        facts |= {"golden": file, "golden_sha256": digest}
        return Variant(recipe=recipe, runtime="tflite", file=path.name, accepted=True, note=note, **facts)

    def _file(self, recipe: str) -> Path:
        return self.folder / f"{recipe}.tflite"


def _recipes(names: Sequence[str]) -> tuple[RecipeName, ...]:
    known = get_args(RecipeName)
    for name in names:
        if name not in known:
            raise UsageError(f"unknown recipe {name!r}", remedy=f"choose from {', '.join(known)}")
    return tuple(names)  # type: ignore[arg-type]


def table(variants: Sequence[Variant], chosen: str | None) -> str:
    """Returns what was measured of each variant, for people."""
    head = f"  {'recipe':<18}{'top-1':>7}{'drop':>7}{'agree':>7}{'max diff':>10}{'kB':>7}{'ms':>8}  worst class"
    rows = []
    for v in variants:
        mark = "*" if v.recipe == chosen else " " if v.accepted else "x"
        measured = f"{v.accuracy:>7.3f}{v.accuracy_drop:>7.3f}{v.agreement:>7.3f}{v.max_score_difference:>10.2g}"
        cost = f"{v.bytes / 1000:>7.0f}{v.latency_ms:>8.2f}"
        rows.append(f"{mark} {v.recipe:<18}{measured}{cost}  {v.worst_class} {-v.worst_class_drop:+.3f}")
    return "\n".join([head, *rows, "* chosen, x refused; ms: median invoke here, one thread"])
