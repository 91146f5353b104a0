"""Words the answer of a comparison: what transfer is worth, which start helps or hurts, and how sure that is."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from edgetl.host.knowledge.comparison_estimates import Difference, differences
from edgetl.host.knowledge.comparison_file import Run, Settings
from edgetl.host.knowledge.comparison_levels import Level
from edgetl.host.knowledge.comparison_plan import DEFAULT, HEAD, RANDOM
from edgetl.text import counted

_EQUAL = 0.01
"""Ways of training whose figures differ by no more than this, 0..1, are as good as each other in practice."""

_FINE = 0.95
"""Half of an interval below this, points, is written with one digit after the point."""
_FEW = 30
"""One photo of fewer validation photos than this is worth more than three points."""


@dataclass(frozen=True, slots=True)
class Answer:
    """Words the answer from the finished runs.

    Attributes:
        settings: what the runs have in common.
        levels: the numbers of photos.
        starts: the names of the ways that begin from further starts.
        runs: the finished runs.
    """

    settings: Settings
    levels: Sequence[Level]
    starts: Sequence[str]
    runs: Sequence[Run]

    def sentences(self) -> Iterator[str]:
        """Yields the sentences, the most important first."""
        transfer = self._differences(DEFAULT, RANDOM)
        yield from self._transfer(transfer) if transfer else (self._too_few_runs("what transfer is worth", RANDOM),)
        for start in self.starts:
            found = self._differences(start, DEFAULT)
            yield self._start(start, found) if found else self._too_few_runs(f"how good `{start}` is as a start", start)
        if whole := self._differences(DEFAULT, HEAD):
            yield self._whole_network(whole[-1])
        yield from self._caveats(transfer)

    def _differences(self, first: str, second: str) -> list[Difference]:
        return differences(self.runs, first, second, self.settings.validation)

    def _too_few_runs(self, what: str, way: str) -> str:
        return (
            f"Too few runs have finished to say {what}: that needs a run of `{way}` and one of the default start with "
            "equally many photos."
        )

    def _transfer(self, found: list[Difference]) -> Iterator[str]:
        """Yields what transfer is worth with the fewest and with the most photos, and what that means."""
        yield f"Transfer is worth {self._amounts(_ends(found))}."
        last = found[-1]
        if abs(last.mean) + last.half <= _EQUAL:
            much = "With this much data" if self._is_all(last) else f"Already {self._photos(last)}"
            yield f"{much}, training from scratch is within 1 point: transfer no longer matters."
        elif last.worse:
            yield f"Training from scratch is the better way {self._photos(last)}."
        elif not last.better:
            yield f"Whether transfer helps {self._photos(last)} can't be told from so few runs and validation photos."

    def _start(self, start: str, found: list[Difference]) -> str:
        """Returns how a start compares with the default."""
        ends = _ends(found)
        better, worse = [one for one in ends if one.better], [one for one in ends if one.worse]
        if bool(better) == bool(worse):
            verdict = "is better or worse, depending on the photos" if better else "makes no difference that shows here"
            return f"Starting from `{start}` instead of the default {verdict}: {self._amounts(ends)}."
        clear = better or worse
        verdict, end = ("better", "it is the better start") if better else ("worse", "negative transfer")
        unclear = [f"{_amount(one)} {self._photos(one)}, which may be chance" for one in ends if one not in clear]
        rest = f" ({unclear[0]})" if unclear else ""
        by = self._amounts(clear, signed=False)
        return f"Starting from `{start}` is {verdict} than the default by {by}{rest}: {end}."

    def _amounts(self, found: list[Difference], *, signed: bool = True) -> str:
        """Returns differences in words, as `31 ± 4 points at 20 photos a class and 9 ± 2 with all 960`."""
        first, *others = found
        parts = [f"{_amount(first, signed=signed)} points {self._photos(first)}"]
        parts += [f"{_amount(one, signed=signed)} {self._photos(one)}" for one in others]
        return " and ".join(parts)

    def _whole_network(self, last: Difference) -> str:
        """Returns what it brings to train the whole network rather than the head alone."""
        at = self._photos(last)
        if last.better:
            return f"Training the whole network instead of its head alone brings {_amount(last)} points {at}."
        if last.worse:
            by = _amount(last, signed=False)
            return f"Training the head alone (`edgetl train --epochs 0`) is better {at}, by {by} points."
        return f"Training the whole network brings no clear gain over its head alone {at}: {_amount(last)} points."

    def _caveats(self, transfer: list[Difference]) -> Iterator[str]:
        """Yields what the figures do not cover."""
        cut = [run for run in self.runs if run.way != HEAD and run.epochs < run.full_epochs]
        if cut:
            most = max(cut, key=lambda run: run.photos)
            yield (
                f"To fit into the time, runs are shorter than those of `edgetl train`: {most.epochs} of "
                f"{counted(most.full_epochs, 'epoch')} with {most.photos:,} photos. Random weights gain most from "
                "more epochs, so transfer is worth somewhat less than these figures in a full training."
            )
        if transfer and not transfer[0].seeds_known:
            yield (
                "Each figure comes from a single run: the intervals cover the choice of the validation photos, but not "
                "what another seed would change."
            )
        if self.settings.validation < _FEW:
            only = counted(self.settings.validation, "validation photo")
            yield f"There are only {only}: small differences can't show."

    def _photos(self, one: Difference) -> str:
        """Returns a number of photos in words, as `at 20 photos a class`."""
        if self._is_all(one):
            return f"with all {one.photos:,}"
        per_class = next((level.per_class for level in self.levels if level.photos == one.photos), None)
        return f"at {per_class} photos a class" if per_class else f"with {one.photos:,} photos"

    def _is_all(self, one: Difference) -> bool:
        return one.photos == self.settings.train


def _ends(found: list[Difference]) -> list[Difference]:
    return found[:1] if len(found) == 1 else [found[0], found[-1]]


def _amount(one: Difference, *, signed: bool = True) -> str:
    """Returns a difference in points with half of its interval: `31 ± 4`."""
    digits = 1 if 100 * one.half < _FINE else 0
    mean = round(100 * (one.mean if signed else abs(one.mean)), digits) + 0.0  # without a minus before zero
    return f"{mean:.{digits}f} ± {100 * one.half:.{digits}f}".replace("-", "−")
