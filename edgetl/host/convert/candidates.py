"""Chooses which recipes to make for which runtimes: those of the target, or those that the user named."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Literal, cast, get_args

from edgetl import store
from edgetl.argument_types import wrong_type
from edgetl.card import ModelCard
from edgetl.device.runtime import require_runtime
from edgetl.errors import UsageError
from edgetl.host.console import console
from edgetl.target import RECIPES, RecipeName, RuntimeName, Target

Candidate = tuple[RuntimeName, RecipeName | Literal["as_given"]]
"""A variant to make: the runtime that runs it and the recipe that makes it. `as_given` bundles the `.tflite` file
that the model was imported from, without converting it."""

INT8 = ("static_wi8_ai8", "device_wi8_ai8", "portable")
"""The recipes that are calibrated with photos. If the plain recipe misses the gate, there are further attempts."""


def choose_candidates(
    stored: store.StoredModel, target: Target, recipes: Sequence[str], runtimes: Sequence[str], *, imported: bool
) -> tuple[Candidate, ...]:
    """Returns the variants to make, the preferred first.

    Args:
        stored: the model.
        target: the target.
        recipes: recipes to use instead of the target's; see `Target.candidates` on `portable`.
        runtimes: runtimes to use instead of the target's.
        imported: whether the model was imported as a `.tflite` file.

    Raises:
        UsageError: a recipe or runtime is unknown, or no recipe is one of a runtime's, or the model's task or file
            doesn't allow it.
        UnloadableRuntimeError: a runtime isn't installed here.
    """
    found = _of_target(target, recipes, runtimes)
    if imported:
        found = _as_given(stored.card, target, recipes, runtimes)
    return _of_task(found, stored.card, recipes)


def _of_target(target: Target, recipes: Sequence[str], runtimes: Sequence[str]) -> tuple[Candidate, ...]:
    """Returns the target's variants; a missing runtime is reported here, before the first file is made."""
    own_recipes = cast(Sequence[RecipeName], _known("recipe", recipes, get_args(RecipeName)))
    own_runtimes = cast(Sequence[RuntimeName], _known("runtime", runtimes, get_args(RuntimeName)))
    found = target.candidates(own_recipes, own_runtimes)
    if not found:
        what = f"none of the runtimes has the recipe {' or '.join(own_recipes or target.recipes)}"
        remedy = "; ".join(f"{runtime} has {', '.join(names)}" for runtime, names in RECIPES.items())
        raise UsageError(what, where=", ".join(own_runtimes or target.runtimes), remedy=remedy)
    for runtime in dict.fromkeys(runtime for runtime, _ in found):
        require_runtime(runtime)
    return found


def _as_given(
    card: ModelCard, target: Target, recipes: Sequence[str], runtimes: Sequence[str]
) -> tuple[Candidate, ...]:
    """Returns the only variant of a model that was imported as a `.tflite` file: that file."""
    if recipes or "tflite" not in (runtimes or target.runtimes):
        what = "the model was imported as a .tflite file, which can only be bundled as it is, for the runtime tflite"
        remedy = "leave --recipe and --runtime out; or import the Keras model or SavedModel that it was made from"
        raise UsageError(what, where=card.name, remedy=remedy)
    console.print(f"{card.name} was imported as a .tflite file: it is bundled as it is, recipe as_given")
    return (("tflite", "as_given"),)


def _of_task(found: tuple[Candidate, ...], card: ModelCard, recipes: Sequence[str]) -> tuple[Candidate, ...]:
    """Leaves `portable` out for a classifier; if the user named it, refuses it."""
    raw = tuple(candidate for candidate in found if candidate[1] != "portable")
    if card.task == "detection":
        return found
    if raw and "portable" not in recipes:
        return raw
    what = "the recipe portable puts a detector's boxes into its file, but this is a classifier"
    remedy = "leave portable out: MediaPipe Tasks and OpenVINO Model API open a classifier's files as they are"
    raise UsageError(what, where=card.name, remedy=remedy)


def _known(kind: str, names: Sequence[str], known: Sequence[str]) -> tuple[str, ...]:
    if isinstance(names, str) or not isinstance(names, Iterable):
        raise wrong_type(names, f"{kind}s", f"a list of {kind}s")
    for name in names:
        if name not in known:
            raise UsageError(f"unknown {kind} {name!r}", remedy=f"choose from {', '.join(known)}")
    return tuple(dict.fromkeys(names))
