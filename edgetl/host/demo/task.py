"""Describes the two demos, of a classifier and of a detector."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

from edgetl.device.observation import Observation

TaskName = Literal["classify", "detect"]

FILM_SECONDS = 12
"""The films are this long, s: long enough for ten parts, and run in half a minute."""
FPS = 25
"""The films have this many frames a second."""


class FilmCheck(Protocol):
    """Compares the results of a film's frames with the drawn parts; its text says how many were right."""

    def __call__(self, observation: Observation) -> None:
        """Compares a frame's result."""


@dataclass(frozen=True, slots=True)
class Task:
    """One of the two demos.

    Attributes:
        name: the model's name in the store, and the default name of the folder.
        photos: a description of the drawn photos for people.
        options: the options of the training, except data, name and seed.
        layout: the pattern that exactly the paths fit which `draw` writes, relative to the photos' folder.
        draw: writes the photos into a folder, which is replaced whole, with a seed.
        film: writes the film to a path, with a seed, and returns its check.
        own: the beginning of the advice on how to train on one's own photos.
    """

    name: str
    photos: str
    options: Mapping[str, str | int | float | tuple[int, ...]]
    layout: re.Pattern[str]
    draw: Callable[[Path, int], None]
    film: Callable[[Path, int], FilmCheck]
    own: str

    def drawn(self, photos: Path) -> bool:
        """Returns whether a folder holds nothing but what `draw` writes."""
        return photos.is_dir() and all(
            self.layout.fullmatch(path.relative_to(photos).as_posix()) for path in photos.rglob("*")
        )

    def train_words(self, photos: Path, seed: int) -> list[str]:
        """Returns the command that repeats the demo's training, word by word."""
        words = ["edgetl", "train", str(photos), "--name", self.name]
        for key, value in self.options.items():
            text = ",".join(map(str, value)) if isinstance(value, tuple) else str(value)
            words += [f"--{key.replace('_', '-')}", text]
        return [*words, "--seed", str(seed)]
