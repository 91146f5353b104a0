"""One conversion from a model of the store to a bundle for a target."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import get_args

from edgetl import store
from edgetl.bundle import Bundle, GoldenPhoto, Manifest, Variant, write_manifest
from edgetl.card import ModelCard
from edgetl.device.runtime import open_runtime
from edgetl.errors import GateError, UsageError
from edgetl.files import new_folder, sha256_of, write_atomic
from edgetl.host.convert import golden
from edgetl.host.convert.gate import Judge, Measurement
from edgetl.host.convert.judge_classifier import ClassifierJudge
from edgetl.host.convert.judge_detector import DetectorJudge
from edgetl.host.convert.metadata import embed
from edgetl.host.convert.recipes import Attempt, attempts
from edgetl.host.convert.table import table
from edgetl.host.progress import console
from edgetl.host.report import write_conversion_report
from edgetl.host.stored import boxed_dataset_of, dataset_of, load_keras
from edgetl.host.untyped import Network
from edgetl.target import RecipeName, Target
from edgetl.vision.photo import read_photo


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
    judge, model = _judge(stored, data)
    console.print(f"{stored.card.name}: {judge.told} in Keras on {len(judge.photos)} validation photos")
    folder = stored.bundle(target.name)
    with new_folder(folder) as work:
        positions = golden.choose(judge.shown, seed)
        kept = golden.write_photos(work, stored.card, judge.photos, judge.shown, positions)
        maker = _Maker(work, stored.card, target, model, judge, kept, seed)
        variants = tuple(maker.make(recipe) for recipe in wanted)
        chosen = next((variant.recipe for variant in variants if variant.accepted), None)
        console.print(table(variants, chosen, stored.card.task))
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


def _judge(stored: store.StoredModel, data: str | None) -> tuple[Judge, Network]:
    """Opens a model's data set, and only then the model itself: where the photos are gone, nobody waits for Keras."""
    card = stored.card
    if card.task == "detection":
        boxed = boxed_dataset_of(card, data)
        network = load_keras(stored)
        return DetectorJudge(card, network, boxed), network
    photos = dataset_of(card, data)
    network = load_keras(stored)
    return ClassifierJudge(card, network, photos), network


@dataclass(frozen=True, slots=True)
class _Maker:
    """Makes, proves and writes the variants of one conversion."""

    folder: Path
    card: ModelCard
    target: Target
    model: Network
    judge: Judge
    photos: tuple[GoldenPhoto, ...]
    seed: int

    def make(self, recipe: RecipeName) -> Variant:
        """Makes a recipe's variant, trying what helps while it misses the gate; a refused one leaves no file."""
        tried: list[str] = []
        refused: list[tuple[float, int, Measurement]] = []
        for attempt in attempts(recipe, self.model, self.judge.train, self.seed):
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
        with closing(open_runtime("tflite", self._file(recipe), 1)) as runtime:
            measured = self.judge.measure(runtime)
        return measured, self.judge.misses(measured, self.target.gate, recipe)

    def _accept(self, recipe: RecipeName, measured: Measurement, note: str) -> Variant:
        path = self._file(recipe)
        frames = [read_photo(self.folder / photo.file) for photo in self.photos]
        with closing(open_runtime("tflite", path, 1)) as runtime:
            expected = self.judge.expected(runtime, frames)
        file, digest = golden.write_expected(self.folder, recipe, expected)
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
