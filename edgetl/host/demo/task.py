"""What the demo shows: a classifier or a detector, on what is drawn for it."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

from edgetl.device.observation import Observation

TaskName = Literal["classify", "detect"]

FILM_SECONDS = 12
FPS = 25


class Watch(Protocol):
    """Compares what is seen in the film with what was drawn; as text it says how much of that was right."""

    def __call__(self, observation: Observation) -> None:
        """Compares a frame's result."""


@dataclass(frozen=True, slots=True)
class Task:
    """One of the demo's two.

    Attributes:
        name: of the model in the store, and of the folder where none is given.
        photos: what is drawn, for people.
        options: of the training, beside its data, name and seed.
        layout: fits each path under the folder of photos that `draw` writes, as posix has it, and no others.
        draw: writes the photos into a folder, which is replaced whole, by a seed.
        film: writes the film to a path, by a seed; what it returns compares a run over it with what was drawn.
        own: what a person does with photos of their own before training.
    """

    name: str
    photos: str
    options: Mapping[str, str | int | float | tuple[int, ...]]
    layout: re.Pattern[str]
    draw: Callable[[Path, int], None]
    film: Callable[[Path, int], Watch]
    own: str

    def drawn(self, photos: Path) -> bool:
        """Says whether a folder holds nothing but what `draw` writes."""
        return photos.is_dir() and all(
            self.layout.fullmatch(path.relative_to(photos).as_posix()) for path in photos.rglob("*")
        )

    def train_words(self, photos: Path, seed: int) -> list[str]:
        """Returns the command that trains as the demo does, word by word."""
        words = ["edgetl", "train", str(photos), "--name", self.name]
        for key, value in self.options.items():
            told = ",".join(map(str, value)) if isinstance(value, tuple) else str(value)
            words += [f"--{key.replace('_', '-')}", told]
        return [*words, "--seed", str(seed)]
