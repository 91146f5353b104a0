"""One conversion from a model of the store to a bundle for a target."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, get_args

from edgetl import store
from edgetl.bundle import Bundle, GoldenPhoto, Manifest, Variant, write_manifest
from edgetl.card import ModelCard
from edgetl.device.runtime import library_version, open_runtime, require_runtime
from edgetl.device.runtime.sandbox import remember_harmless
from edgetl.errors import GateError, UsageError
from edgetl.files import friendly_os_errors, sha256_of, temporary_folder, write_atomic
from edgetl.host.console import busy, console, optional, result
from edgetl.host.convert import portable
from edgetl.host.convert.converter import Attempt, Converter, Files, Source
from edgetl.host.convert.foreign import tflite as foreign_tflite
from edgetl.host.convert.gate import Judge, golden_set
from edgetl.host.convert.gate.classifier import ClassifierJudge
from edgetl.host.convert.gate.detector import DetectorJudge
from edgetl.host.convert.gate.table import table
from edgetl.host.convert.openvino import export as openvino
from edgetl.host.convert.openvino import portable as portable_openvino
from edgetl.host.convert.tflite import export as tflite
from edgetl.host.convert.tflite import portable as portable_tflite
from edgetl.host.networks.stored import TFLITE, boxed_dataset_of, dataset_of, load_network
from edgetl.host.networks.untyped import Network
from edgetl.host.report.classifier import write_conversion_report
from edgetl.target import RECIPES, RecipeName, RuntimeName, Target, variant_name
from edgetl.text import about
from edgetl.vision.photo import read_photo

CONVERTERS: dict[RuntimeName, Converter] = {"tflite": tflite.attempts, "openvino": openvino.attempts}
FINISH: dict[RuntimeName, portable.Finish] = {"tflite": portable_tflite.finish, "openvino": portable_openvino.finish}

_LONG_SECONDS = 60
"""An estimate is given of work that takes longer, s."""

Candidate = tuple[RuntimeName, RecipeName | Literal["as_given"]]
"""What runs a variant that is to be made, and how it is made."""


def convert(
    name: str | None,
    target_name: str,
    *,
    recipes: Sequence[str] = (),
    runtimes: Sequence[str] = (),
    data: str | None = None,
    seed: int = 0,
) -> Bundle:
    """Converts a model for a target and writes its bundle to `models/NAME/TARGET`.

    The bundle belongs to the version of the model that was current when the conversion began.

    Args:
        name: `NAME` or `NAME@N` of the store; None takes the model trained last.
        target_name: see `Target.load`.
        recipes: instead of the target's; see `Target.candidates` on `portable`.
        runtimes: likewise.
        data: the data set's folder, where it has moved.
        seed: of the choice of representative and golden photos.

    Raises:
        BusyError: another process converts this model for this target.
        UsageError: no such model, target, recipe or runtime, or nothing that is both of such a recipe and runtime.
        UnloadableRuntimeError: a runtime isn't installed here.
        DatasetError: the photos are gone or have changed since training.
        GateError: no variant keeps enough accuracy.
    """
    target = Target.load(target_name)
    candidates = _candidates(target, recipes, runtimes)
    stored = store.open_model(name)
    given = _given(stored)
    if given:
        candidates = _as_given(stored, target, recipes, runtimes)
    candidates = _of_task(candidates, stored.card, recipes)
    key = f"{stored.exact_name}.{target.name}"
    doing = f"{stored.exact_name} is being converted for {target.name}"
    # The bundle is made beside the models, not inside one, whose folder moves if another version becomes current.
    with store.exclusive(key, doing, "wait for that conversion to end"):
        judge, model = _judge(stored, data)
        told = f"{judge.told} in {'the file it came as' if given else 'Keras'}"
        console.print(f"{stored.card.name}: {told} on {len(judge.photos)} validation photos")
        with friendly_os_errors(stored.bundle(target.name)), temporary_folder(store.root() / key) as work:
            positions = golden_set.choose(judge.shown, seed)
            kept = golden_set.write_photos(work, stored.card, judge.photos, judge.shown, positions)
            maker = _Maker(work, Source(model, stored.card, judge, target.gate, seed, given), kept)
            variants = _make_all(maker, candidates)
            chosen = next((variant.name for variant in variants if variant.accepted), None)
            console.print(table(variants, chosen, stored.card.task))
            if chosen is None:
                raise GateError(
                    f"no variant of {stored.card.name} meets the gate of {target.name}",
                    where="; ".join(f"{v.name} {v.note}" for v in variants),
                    remedy="train longer or with more photos, try other --recipe or --runtime, or a wider [gate]",
                )
            manifest = Manifest(stored.card, target.name, target.threads, chosen, variants, kept)
            write_manifest(work, manifest)
            with optional("the report", work / "report.html"):
                write_conversion_report(work / "report.html", manifest)
            Bundle.open(work)  # a bundle that can't be opened never takes the place of one that can
            folder = store.add_folder(stored, target.name, work)
    best = next(variant for variant in variants if variant.name == chosen)
    measure = "mAP" if stored.card.task == "detection" else "top-1"
    result(f"bundle  {folder}: {chosen}, {measure} {best.measured.accuracy:.3f}, {best.bytes / 1e3:,.0f} kB")
    console.print(f"next    edgetl verify {folder}")
    return Bundle.open(folder)


def _judge(stored: store.StoredModel, data: str | None) -> tuple[Judge, Network]:
    """Opens a model's data set, and only then the model itself: where the photos are gone, nobody waits for Keras."""
    card = stored.card
    if card.task == "detection":
        boxed = boxed_dataset_of(card, data)
        network = load_network(stored)
        return DetectorJudge(card, network, boxed), network
    photos = dataset_of(card, data)
    network = load_network(stored)
    return ClassifierJudge(card, network, photos), network


def _make_all(maker: _Maker, candidates: Sequence[Candidate]) -> tuple[Variant, ...]:
    """Makes every variant; after the first, it says how long the others take."""
    variants: list[Variant] = []
    began = time.monotonic()
    for runtime, recipe in candidates:
        variants.append(maker.make(runtime, recipe))
        left = (len(candidates) - 1) * (time.monotonic() - began)
        if len(variants) == 1 and left > _LONG_SECONDS:
            console.print(f"the other {len(candidates) - 1} take {about(left)}")
    return tuple(variants)


@dataclass(frozen=True, slots=True)
class _Maker:
    """Makes, proves and writes the variants of one conversion."""

    folder: Path
    source: Source
    photos: tuple[GoldenPhoto, ...]

    def make(self, runtime: RuntimeName, recipe: RecipeName | Literal["as_given"]) -> Variant:
        """Makes a variant, trying what helps while it misses the gate; a refused one leaves no file."""
        name = variant_name(runtime, recipe)
        tried: list[str] = []
        refused: list[Variant] = []
        for attempt in self._attempts(runtime, recipe):
            console.print(f"{name}: converting" + (f", {attempt.note}" if attempt.note else ""))
            with busy(f"{name}: converting"):
                contents = attempt.make()
            files = self._write(name, contents)
            variant, missed = self._judged(runtime, recipe, files)
            if not missed:
                return self._accepted(variant, files, "; ".join([*tried, attempt.note] if tried else []))
            tried.append(f"{attempt.note or 'plain'}: {missed}")
            console.print(f"{name}, {tried[-1]}")
            refused.append(variant)
            for file in files:
                file.unlink()
        return replace(max(refused, key=lambda variant: variant.measured.accuracy), note="; ".join(tried))

    def _attempts(self, runtime: RuntimeName, recipe: RecipeName | Literal["as_given"]) -> Iterator[Attempt]:
        if recipe == "as_given":
            return foreign_tflite.attempts(self.source)
        if recipe == "portable":
            return portable.attempts(CONVERTERS[runtime], FINISH[runtime], self.source)
        return CONVERTERS[runtime](recipe, self.source)

    def _write(self, name: str, contents: Files) -> list[Path]:
        files = [self.folder / f"{name}{suffix}" for suffix in contents]
        for file, content in zip(files, contents.values(), strict=True):
            write_atomic(file, content)
        return files

    def _judged(self, runtime: RuntimeName, recipe: str, files: Sequence[Path]) -> tuple[Variant, str]:
        """Measures a variant; returns it, refused until it is accepted, and how it misses the gate."""
        judge = self.source.judge
        with closing(open_runtime(runtime, files[0], 1, made_here=True)) as opened:
            measured = judge.measure(opened)
        size = sum(file.stat().st_size for file in files)
        variant = Variant(recipe, runtime, "", "", size, "", "", measured, accepted=False)
        return variant, judge.misses(measured, self.source.gate, recipe)

    def _accepted(self, variant: Variant, files: Sequence[Path], note: str) -> Variant:
        frames = [read_photo(self.folder / photo.file) for photo in self.photos]
        with closing(open_runtime(variant.runtime, files[0], 1, made_here=True)) as opened:
            expected = self.source.judge.expected(opened, frames)
        remember_harmless(variant.runtime, files[0], library_version(variant.runtime))
        file, digest = golden_set.write_expected(self.folder, variant.name, expected)
        accepted = replace(variant, accepted=True, note=note, golden=file, golden_sha256=digest)
        model, *weights = ((path.name, sha256_of(path)) for path in files)
        accepted = replace(accepted, file=model[0], sha256=model[1])
        return replace(accepted, weights=weights[0][0], weights_sha256=weights[0][1]) if weights else accepted


def _candidates(target: Target, recipes: Sequence[str], runtimes: Sequence[str]) -> tuple[Candidate, ...]:
    """What to convert to; what can't be run here is found out now, not after the first files are made."""
    wanted_recipes = _known("recipe", recipes, get_args(RecipeName))
    wanted_runtimes = _known("runtime", runtimes, get_args(RuntimeName))
    found = target.candidates(wanted_recipes, wanted_runtimes)  # type: ignore[arg-type]
    if not found:
        what = f"nothing is both {' or '.join(wanted_recipes or target.recipes)} and of the runtimes asked for"
        remedy = "; ".join(f"{runtime} has {', '.join(names)}" for runtime, names in RECIPES.items())
        raise UsageError(what, where=", ".join(wanted_runtimes or target.runtimes), remedy=remedy)
    for runtime in dict.fromkeys(runtime for runtime, _ in found):
        require_runtime(runtime)
    return found


def _of_task(found: tuple[Candidate, ...], card: ModelCard, recipes: Sequence[str]) -> tuple[Candidate, ...]:
    """Leaves out what a classifier has no need of, or refuses it where it was asked for."""
    raw = tuple(candidate for candidate in found if candidate[1] != "portable")
    if card.task == "detection" or (raw and "portable" not in recipes):
        return found if card.task == "detection" else raw
    what = "the recipe portable puts a detector's boxes into its file, but this is a classifier"
    remedy = "leave portable out: MediaPipe Tasks and OpenVINO Model API open a classifier's files as they are"
    raise UsageError(what, where=card.name, remedy=remedy)


def _as_given(
    stored: store.StoredModel, target: Target, recipes: Sequence[str], runtimes: Sequence[str]
) -> tuple[Candidate, ...]:
    """What a model that came as a `.tflite` is converted to: nothing else."""
    if recipes or "tflite" not in (runtimes or target.runtimes):
        what = "the model came as a .tflite file, which is bundled as it is, for tflite alone"
        remedy = "leave --recipe and --runtime out; or convert the Keras model or SavedModel that it was made of"
        raise UsageError(what, where=stored.card.name, remedy=remedy)
    console.print(f"{stored.card.name} came as a .tflite file: it is bundled as it is, recipe as_given")
    return (("tflite", "as_given"),)


def _given(stored: store.StoredModel) -> bytes:
    """The `.tflite` file that a model came as; empty for others."""
    file = stored.folder / TFLITE
    return file.read_bytes() if file.is_file() else b""


def _known(kind: str, names: Sequence[str], known: Sequence[str]) -> tuple[str, ...]:
    for name in names:
        if name not in known:
            raise UsageError(f"unknown {kind} {name!r}", remedy=f"choose from {', '.join(known)}")
    return tuple(dict.fromkeys(names))
