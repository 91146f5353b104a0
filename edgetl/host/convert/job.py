"""Converts one model of the store into a bundle for a target."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

from edgetl import store
from edgetl.argument_types import text_argument, wrong_type
from edgetl.bundle import Bundle, GoldenPhoto, Manifest, Variant, write_manifest
from edgetl.errors import GateError
from edgetl.files import friendly_os_errors, temporary_folder
from edgetl.host.console import Bar, console, optional, result, unsilenced
from edgetl.host.convert.candidates import INT8, Candidate, choose_candidates
from edgetl.host.convert.conversion_progress import (
    LONG_SECONDS,
    ConversionProgress,
    estimated_seconds,
    variant_seconds,
)
from edgetl.host.convert.converter import ConversionInput
from edgetl.host.convert.gate import Judge, golden_set
from edgetl.host.convert.gate.classifier import ClassifierJudge
from edgetl.host.convert.gate.detector import DetectorJudge
from edgetl.host.convert.gate.table import variants_table
from edgetl.host.convert.make_variants import VariantMaker
from edgetl.host.networks.stored import TFLITE, boxed_dataset_of, dataset_of, load_network
from edgetl.host.networks.untyped import Network
from edgetl.host.report.conversion import write_conversion_report
from edgetl.target import Target
from edgetl.text import about, counted


def convert(
    name: str | None,
    target_name: Path | str,
    *,
    recipes: Sequence[str] = (),
    runtimes: Sequence[str] = (),
    data: Path | str | None = None,
    seed: int = 0,
    thorough: bool = False,
) -> Bundle:
    """Converts a model for a target and writes its bundle to `models/NAME/TARGET`.

    The bundle belongs to the version of the model that was current when the conversion began.

    Args:
        name: `NAME` or `NAME@N` of the store; None takes the model trained last.
        target_name: the name of a target, or the path of a target file; see `Target.load`.
        recipes: recipes to use instead of the target's; see `Target.candidates` on `portable`.
        runtimes: runtimes to use instead of the target's.
        data: the folder of the data set, if it has moved since training.
        seed: the seed of the choice of representative and golden photos.
        thorough: whether to try everything for every variant. If not, only the plain recipe is tried for an int8
            variant once one that the target prefers is accepted.

    Raises:
        BusyError: another process converts this model for this target.
        UsageError: there is no such model, target, recipe or runtime, or no runtime has any of the recipes.
        UnloadableRuntimeError: a runtime isn't installed here.
        DatasetError: the photos are gone or have changed since training.
        GateError: no variant keeps enough accuracy.
    """
    data = None if data is None else text_argument(data, "data")
    if type(seed) is not int or seed < 0:
        raise wrong_type(seed, "seed", "a whole number of 0 or more")
    target = Target.load(target_name)
    stored = store.open_model(name)
    tflite_file = _imported_tflite(stored)
    candidates = choose_candidates(stored, target, recipes, runtimes, imported=bool(tflite_file))
    key = f"{stored.exact_name}.{target.name}"
    doing = f"{stored.exact_name} is being converted for {target.name}"
    # The bundle is made beside the models, not inside one, whose folder moves if another version becomes current.
    with store.exclusive_lock(key, doing, "wait for that conversion to end"):
        judge, model = _open_judge(stored, data)
        source = ConversionInput(model, stored.card, judge, target.gate, seed, tflite_file)
        with friendly_os_errors(stored.bundle(target.name)), temporary_folder(store.root() / key) as work:
            manifest = _make_bundle(work, source, target, candidates, thorough=thorough)
            folder = store.add_folder(stored, target.name, work)
    _print_result(folder, manifest)
    return Bundle.open(folder)


def _imported_tflite(stored: store.StoredModel) -> bytes:
    """Returns the `.tflite` file that a model was imported from; empty for other models."""
    file = stored.folder / TFLITE
    return file.read_bytes() if file.is_file() else b""


def _open_judge(stored: store.StoredModel, data: str | None) -> tuple[Judge, Network]:
    """Opens a model's data set, then the model: missing photos are reported before Keras is loaded."""
    card = stored.card
    if card.task == "detection":
        boxed = boxed_dataset_of(card, data)
        network = load_network(stored)
        return DetectorJudge(card, network, boxed), network
    photos = dataset_of(card, data)
    network = load_network(stored)
    return ClassifierJudge(card, network, photos), network


def _make_bundle(
    work: Path, source: ConversionInput, target: Target, candidates: Sequence[Candidate], *, thorough: bool
) -> Manifest:
    """Makes the whole bundle in a folder.

    Raises:
        GateError: no variant meets the gate.
    """
    judge, card = source.judge, source.card
    origin = "the file it was imported from" if source.tflite_file else "Keras"
    console.print(f"{card.name}: {judge.summary} in {origin} on {counted(len(judge.photos), 'validation photo')}")
    positions = golden_set.choose(judge.shown, source.seed)
    golden = golden_set.write_photos(work, card, judge.photos, judge.shown, positions)
    variants = _make_variants(work, source, golden, candidates, thorough=thorough)
    chosen = next((variant.name for variant in variants if variant.accepted), None)
    console.print(variants_table(variants, chosen, card.task))
    if chosen is None:
        raise GateError(
            f"no variant of {card.name} meets the gate of {target.name}",
            where="; ".join(f"{v.name} {v.note}" for v in variants),
            remedy="train longer or with more photos, try other --recipe or --runtime, or a wider [gate]",
        )
    manifest = Manifest(card, target.name, target.threads, chosen, variants, golden)
    write_manifest(work, manifest)
    with optional("the report", work / "report.html"):
        write_conversion_report(work / "report.html", manifest)
    Bundle.open(work)  # a bundle that can't be opened never takes the place of one that can
    return manifest


def _make_variants(
    work: Path,
    source: ConversionInput,
    golden: tuple[GoldenPhoto, ...],
    candidates: Sequence[Candidate],
    *,
    thorough: bool,
) -> tuple[Variant, ...]:
    """Makes every variant; work of more than a minute is announced before the first, or else after it."""
    expected = estimated_seconds(candidates, source)
    if expected is not None and expected > LONG_SECONDS:
        console.print(f"{counted(len(candidates), 'variant')} to make: {about(expected)}")
    variants: list[Variant] = []
    began = time.monotonic()
    with unsilenced(), Bar("converting", len(candidates), steady=False) as bar:
        progress = ConversionProgress(bar, variant_seconds(candidates, source))
        maker = VariantMaker(work, source, golden, progress)
        for candidate in candidates:
            preferred = "" if thorough else _preferred(candidate, variants)
            variants.append(maker.make(candidate, preferred))
            left = (len(candidates) - 1) * (time.monotonic() - began)
            if expected is None and len(variants) == 1 and left > LONG_SECONDS:
                console.print(f"{counted(len(candidates) - 1, 'variant')} left: {about(left)}")
    return tuple(variants)


def _preferred(candidate: Candidate, made: Sequence[Variant]) -> str:
    """Returns the name of an accepted int8 variant that the target prefers to a candidate, or an empty string.

    Args:
        candidate: the variant to make.
        made: the variants that the target prefers.
    """
    portable = candidate[1] == "portable"  # portable files are for other software, and no raw file replaces them
    names = (v.name for v in made if v.accepted and v.recipe in INT8 and (v.recipe == "portable") == portable)
    return next(names, "")


def _print_result(folder: Path, manifest: Manifest) -> None:
    best = next(variant for variant in manifest.variants if variant.name == manifest.chosen)
    measure = "mAP" if manifest.card.task == "detection" else "top-1"
    result(f"bundle  {folder}: {best.name}, {measure} {best.measured.accuracy:.3f}, {best.bytes / 1e3:,.0f} kB")
    console.print(f"next    edgetl verify {folder}")
