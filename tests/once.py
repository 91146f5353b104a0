"""What is costly to make is made once, however many processes run the tests."""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from edgetl.store import StoredModel


def made_once(factory: pytest.TempPathFactory, name: str, make: Callable[[Path], object]) -> Path:
    """Returns a folder that `make` has filled, in whichever of the tests' processes came first.

    Args:
        factory: pytest's maker of temporary folders.
        name: the folder's name, one for each thing that is made.
        make: a function that fills an empty folder. Nobody may change the folder afterwards.
    """
    root = factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        root = root.parent  # each process has a folder of its own in there
    folder, finished = root / name, root / f"{name}.finished"
    with (root / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not finished.exists():
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir()
            make(folder)
            finished.touch()
    return folder


def trained_once(
    factory: pytest.TempPathFactory, store: Path, name: str, train: Callable[[], StoredModel]
) -> StoredModel:
    """Returns a stored model that `train` has trained, in whichever of the tests' processes came first.

    Args:
        factory: pytest's maker of temporary folders.
        store: this process's store.
        name: the model's name in the store.
        train: a function that trains the model and puts it into the store.
    """
    from edgetl.store import open_model

    def make(folder: Path) -> None:
        shutil.copytree(train().folder, folder, dirs_exist_ok=True)

    made = made_once(factory, f"model-{name}", make)
    if not (store / name).exists():
        shutil.copytree(made, store / name)
    return open_model(name)
