"""Finds the bundle that a user names: the only code that turns names in the store and paths into a bundle's folder."""

from __future__ import annotations

from pathlib import Path

from edgetl import store
from edgetl.argument_types import path_argument
from edgetl.bundle import is_bundle
from edgetl.errors import UsageError
from edgetl.folders import restore_folder

_MOST_NAMED = 10
"""A message lists at most this many bundles, so that it stays readable."""


def find_bundle(reference: Path | str) -> Path:
    """Returns the folder of a bundle, or the path of a model file.

    A bundle or file at that path comes first, then a model in the store. A folder that is no bundle comes last: a
    folder of photos may have the name of a model.

    Args:
        reference: a path; or a stored model's name, which stands for its only bundle; or `NAME/TARGET`.

    Raises:
        UsageError: there is no such bundle, or the model has several.
        ModelError: the model's card can't be read.
    """
    path = path_argument(reference, "bundle")
    restore_folder(path)
    if path.is_file() or is_bundle(path):
        return path
    name, target = path.parent.name, path.name
    if len(path.parts) == 1 and store.has(str(path)):
        return _only_bundle(store.open_model(str(path)))
    if len(path.parts) == 2 and store.has(name):
        return _bundle_for(store.open_model(name), target)
    if path.parent.absolute() == store.root().absolute() and store.has(path.name):
        return _only_bundle(store.open_model(path.name))
    if path.exists() or path.suffix in (".tflite", ".xml"):
        return path  # opening the path gives an exact error
    bundles = [f"{model.name}/{folder.name}" for model in store.models() for folder in model.bundles()]
    remedy = f"choose one of: {', '.join(bundles[-_MOST_NAMED:])}" if bundles else "make one with `edgetl convert NAME`"
    raise UsageError(
        "there is no such bundle or model file, and no model of that name", where=str(reference), remedy=remedy
    )


def _only_bundle(model: store.StoredModel) -> Path:
    bundles = model.bundles()
    if len(bundles) == 1:
        return bundles[0]
    if not bundles:
        what = f"the model {model.name!r} has no bundle yet"
        raise UsageError(what, where=str(model.folder), remedy=f"run `edgetl convert {model.name} --target TARGET`")
    names = ", ".join(f"{model.name}/{folder.name}" for folder in bundles)
    what = f"the model {model.name!r} has {len(bundles)} bundles"
    raise UsageError(what, where=str(model.folder), remedy=f"choose one of: {names}")


def _bundle_for(model: store.StoredModel, target: str) -> Path:
    folder = model.bundle(target)
    if is_bundle(folder):
        return folder
    known = ", ".join(f"{model.name}/{bundle.name}" for bundle in model.bundles())
    choice = f"choose one of: {known}; or " if known else ""
    remedy = f"{choice}run `edgetl convert {model.name} --target {target}`"
    raise UsageError(f"the model {model.name!r} has no bundle for {target!r}", where=str(model.folder), remedy=remedy)
