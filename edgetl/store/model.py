"""Defines stored models and their names, and the locks of the store's root."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from edgetl.argument_types import object_argument
from edgetl.card import ModelCard
from edgetl.errors import UsageError
from edgetl.files import friendly_os_errors
from edgetl.folders import restore_folder
from edgetl.locks import folder_lock, named_lock
from edgetl.manifest import is_bundle
from edgetl.store import version_folders
from edgetl.store.version_folders import VERSIONS
from edgetl.text import printable

RESERVED = ("auto", "best", "imagenet", "starter", "none")
"""A model can't have one of these names, because `--weights` gives them another meaning."""
WEIGHTS = ("model.keras", "model.tflite", "saved_model")
"""A model's weights have one of these names in its folder."""

_LONGEST_NAME = 100
"""A new model's name may have at most this many characters, as it becomes part of the names of hidden files."""
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
"""A model's name has this form, so that it is a plain name of a folder."""
_VERSION = re.compile(r"(?P<name>[^@]*)@(?P<number>[1-9][0-9]{0,8})")
"""A reference to a version has this form."""


@dataclass(frozen=True, slots=True)
class StoredModel:
    """A version of a trained model in the store.

    Example:
        >>> import edgetl
        >>> edgetl.open_model("parts").exact_name
        'parts@1'

    Attributes:
        folder: path of the version's folder, which moves when another version becomes current, see
            `edgetl.store.relocate`.
        card: the model's card.
        name: name of the model in the store; the card of a renamed folder may have another one.
        number: number of the version.
        versions: numbers of all versions of the model, the current one first.
    """

    folder: Path
    card: ModelCard
    name: str = ""
    number: int = 1
    versions: tuple[int, ...] = (1,)

    def __post_init__(self) -> None:
        if not self.name:
            object.__setattr__(self, "name", self.folder.name)

    @property
    def is_current(self) -> bool:
        """Whether this is the current version, which the model's name alone stands for."""
        return self.number == self.versions[0]

    @property
    def exact_name(self) -> str:
        """The reference `NAME@N`, which always stands for this version."""
        return f"{self.name}@{self.number}"

    @property
    def reference(self) -> str:
        """The reference `NAME` of a current version, else `NAME@N`."""
        return self.name if self.is_current else self.exact_name

    @property
    def weights(self) -> Path:
        """The file of the weights: a Keras model, or the `.tflite` file or SavedModel that was imported."""
        files = [self.folder / name for name in WEIGHTS]
        return next((file for file in files if file.exists()), files[0])

    def bundle(self, target: str) -> Path:
        """Returns the folder of this version's bundle for a target, which need not exist.

        Args:
            target: the target's name.
        """
        return self.folder / target

    def bundles(self) -> list[Path]:
        """Returns the folders of this version's finished bundles, ordered by name."""
        for old in self.folder.glob(".*.old"):
            restore_folder(old.with_name(old.name[1 : -len(".old")]))
        found = (path for path in self.folder.glob("*") if is_bundle(path))
        return sorted(folder for folder in found if not folder.name.startswith("."))

    def files(self) -> list[Path]:
        """Returns every file of the version and its bundles."""
        others = self.folder / VERSIONS
        return sorted(path for path in self.folder.rglob("*") if path.is_file() and others not in path.parents)


@dataclass(frozen=True, slots=True)
class Damaged:
    """A version that can't be opened.

    Attributes:
        name: reference of the version, `NAME` or `NAME@N`.
        reason: reason for people.
    """

    name: str
    reason: str


def root() -> Path:
    """Returns the store's root folder, which need not exist."""
    return Path(os.environ.get("EDGETL_MODELS") or "models")


def check_name(name: str) -> str:
    """Returns the name of a model if it has the right form.

    Args:
        name: the name.

    Raises:
        UsageError: the name isn't a plain file name.
    """
    if not _NAME.fullmatch(object_argument(name, str, "the model's name")):
        raise UsageError(f"{name!r} can't be a model's name", remedy="use letters, digits, '.', '_' and '-'")
    return name


def check_new_name(name: str) -> str:
    """Returns the name of a new model if it can be used.

    Args:
        name: the name.

    Raises:
        UsageError: the name isn't a plain file name, is too long, or has another meaning for `--weights`; upper and
            lower case count as equal, because some file systems don't distinguish `Starter` and `starter`.
    """
    if len(check_name(name)) > _LONGEST_NAME:
        what = f"a model's name of {len(name)} characters is too long: {_LONGEST_NAME} are allowed"
        raise UsageError(what, remedy="choose a shorter one with --name")
    if name.lower() in RESERVED:
        what = f"{name!r} can't be a model's name: `--weights {name.lower()}` means something else"
        raise UsageError(what, remedy="choose another one with --name")
    return name


def derived_name(text: str) -> str:
    """Returns a name for a model, made of the name of a folder or file.

    Args:
        text: name of the folder or file.

    Raises:
        UsageError: the text has no character that can be used.
    """
    name = re.sub(r"[^A-Za-z0-9._-]+", "-", text).strip("._-")[:_LONGEST_NAME]
    if not name:
        raise UsageError(
            f"{printable(text)!r} can't be a model's name", remedy="give one with --name, e.g. --name parts"
        )
    return name


def split_reference(reference: str) -> tuple[str, int | None]:
    """Splits a reference into the name and the version's number, None for the current version.

    Args:
        reference: `NAME` or `NAME@N`.

    Raises:
        UsageError: the text has neither form.
    """
    found = _VERSION.fullmatch(object_argument(reference, str, "the model's name"))
    if "@" in reference and not found:
        raise UsageError(f"{reference!r} names no version", remedy="write NAME@N, as `edgetl models` shows it")
    return (check_name(found["name"]), int(found["number"])) if found else (check_name(reference), None)


def is_reference(reference: str) -> bool:
    """Says whether a text has the form of a reference, `NAME` or `NAME@N`."""
    name = reference.partition("@")[0]
    return bool(_NAME.fullmatch(name)) and ("@" not in reference or bool(_VERSION.fullmatch(reference)))


@contextmanager
def locked() -> Iterator[Path]:
    """Holds the lock of the root and yields the root, after the work of killed commands is finished."""
    with folder_lock(root()):
        version_folders.recover(root())
        yield root()


@contextmanager
def exclusive_lock(key: str, what: str, remedy: str) -> Iterator[None]:
    """Holds a lock of the store while the block runs, which may take hours.

    Args:
        key: name of the lock: the model's name, or the model's and the target's.
        what: the work of another holder, for the message, e.g. `'parts' is being trained`.
        remedy: what the user can do about it.

    Raises:
        BusyError: another process holds the lock.
        EdgetlError: the store can't be written to.
    """
    file = version_folders.lock_file(root(), key)
    with ExitStack() as stack:
        with friendly_os_errors(file):
            root().mkdir(parents=True, exist_ok=True)
            with locked():  # so that `recover` never finds a lock file that isn't locked yet
                stack.enter_context(named_lock(file, what, remedy))
        yield
