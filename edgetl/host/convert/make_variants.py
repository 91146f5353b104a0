"""Makes a conversion's variants, measures each against the gate, and writes the accepted ones into the bundle."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from edgetl.bundle import GoldenPhoto, Variant
from edgetl.device.runtime import Runtime, library_version, open_runtime
from edgetl.device.runtime.sandbox import remember_harmless
from edgetl.device.runtime.threads import cores
from edgetl.files import sha256_of, write_atomic
from edgetl.host.console import console
from edgetl.host.convert import portable
from edgetl.host.convert.candidates import INT8, Candidate
from edgetl.host.convert.conversion_progress import ConversionProgress
from edgetl.host.convert.converter import Attempt, ConversionInput, Converter, Files
from edgetl.host.convert.foreign import open_tflite
from edgetl.host.convert.gate import golden_set
from edgetl.host.convert.gate.refusal import measure_until_decided, refusal_reasons
from edgetl.host.convert.openvino import export as openvino
from edgetl.host.convert.openvino import portable as portable_openvino
from edgetl.host.convert.tflite import export as tflite
from edgetl.host.convert.tflite import portable as portable_tflite
from edgetl.manifest import Measurement
from edgetl.target import RuntimeName, variant_name
from edgetl.vision.photo import read_photo

CONVERTERS: dict[RuntimeName, Converter] = {"tflite": tflite.attempts, "openvino": openvino.attempts}
"""The converter of each runtime."""

FINISH: dict[RuntimeName, portable.Finish] = {"tflite": portable_tflite.finish, "openvino": portable_openvino.finish}
"""The function that turns a raw detector of each runtime into a portable one."""


@dataclass(frozen=True, slots=True)
class VariantMaker:
    """Makes, measures and writes the variants of one conversion.

    Attributes:
        folder: the folder in which the bundle is being made.
        source: the model.
        photos: the golden photos, which are in the folder already.
        progress: the progress of the conversion.
    """

    folder: Path
    source: ConversionInput
    photos: tuple[GoldenPhoto, ...]
    progress: ConversionProgress

    def make(self, candidate: Candidate, preferred: str = "") -> Variant:
        """Makes one variant, trying one attempt after the other until one meets the gate; a refused one has no file.

        Args:
            candidate: the variant to make.
            preferred: the name of a variant that the target prefers to this one, which is accepted already, so that
                only the plain recipe is worth its time; empty if there is none, or if the time doesn't matter.
        """
        runtime, recipe = candidate
        name = variant_name(runtime, recipe)
        tried: list[str] = []
        refused: list[Variant] = []
        with self.progress.variant(name):
            for attempt in self._attempts(candidate, search=not preferred):
                self.progress.converting(attempt.note)
                files = self._write(name, attempt.make())
                variant = self._measured(candidate, files)
                reasons = refusal_reasons(variant.measured, self.source.gate, recipe, self.source.card.task)
                if not reasons:
                    return self._accepted(variant, files, "; ".join([*tried, attempt.note] if tried else []))
                tried.append(f"{attempt.note or 'plain'}: {reasons}")
                console.print(f"{name}, {tried[-1]}")
                refused.append(variant)
                for file in files:
                    file.unlink()
        if preferred and recipe in INT8:
            tried.append(f"no search for a better one, because {preferred} is accepted")
            console.print(f"{name}: {tried[-1]}; --thorough searches")
        return replace(max(refused, key=lambda variant: variant.measured.accuracy), note="; ".join(tried))

    def _attempts(self, candidate: Candidate, *, search: bool) -> Iterator[Attempt]:
        runtime, recipe = candidate
        if recipe == "as_given":
            return open_tflite.attempts(self.source)
        if recipe == "portable":
            return portable.attempts(CONVERTERS[runtime], FINISH[runtime], self.source, search=search)
        return CONVERTERS[runtime](recipe, self.source, search=search)

    def _write(self, name: str, contents: Files) -> list[Path]:
        files = [self.folder / f"{name}{suffix}" for suffix in contents]
        for file, content in zip(files, contents.values(), strict=True):
            write_atomic(file, content)
        return files

    def _measured(self, candidate: Candidate, files: Sequence[Path]) -> Variant:
        """Measures a variant, which counts as refused until it is accepted."""
        runtime, recipe = candidate
        with ExitStack() as stack:
            opened = [
                stack.enter_context(closing(open_runtime(runtime, files[0], 1, made_here=True))) for _ in range(cores())
            ]
            measured = self._settled(recipe, opened)
        size = sum(file.stat().st_size for file in files)
        return Variant(recipe, runtime, "", "", size, "", "", measured, accepted=False)

    def _settled(self, recipe: str, opened: Sequence[Runtime]) -> Measurement:
        """Measures an opened variant, on more photos if the validation photos can't decide."""
        judge, step = self.source.judge, self.progress.step
        measured = judge.measure(opened[0], step, opened[1:])
        more = partial(judge.measure_more, runtimes=opened, step=step)
        return measure_until_decided(measured, self.source.gate, recipe, self.source.card.task, more)

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
