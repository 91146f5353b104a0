"""The annotation formats of detection data sets, and what the module of each format must offer."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Literal, Protocol, cast

from edgetl.host.dataset.boxes.boxed_photo import Annotations, BoxedPhoto
from edgetl.host.dataset.boxes.tree import Tree
from edgetl.host.dataset.split_parts import Part

Format = Literal["voc", "coco", "yolo", "csv"]

FORMATS: dict[Format, str] = {
    "voc": "edgetl.host.dataset.boxes.voc",
    "coco": "edgetl.host.dataset.boxes.coco",
    "yolo": "edgetl.host.dataset.boxes.yolo",
    "csv": "edgetl.host.dataset.boxes.csv_table",
}
"""The module of each format; it follows `FormatModule`."""

TITLES: dict[Format, str] = {"voc": "Pascal VOC", "coco": "COCO", "yolo": "YOLO", "csv": "CSV"}
"""The name of each format in messages."""


class FormatModule(Protocol):
    """The functions that the module of each format offers."""

    def recognise(self, tree: Tree) -> list[Path]:
        """Returns the files that show that a folder is annotated in this format; empty if it is not."""

    def read(self, tree: Tree, files: Sequence[Path]) -> Annotations:
        """Reads the files that `recognise` returned."""

    def place(self, part: Part, name: str) -> str:
        """Returns the path of a photo below the data set's folder, with forward slashes."""

    def write(self, folder: Path, photos: Sequence[BoxedPhoto]) -> None:
        """Writes the annotations of photos that lie at their `place` below the folder and have a known size."""


def module_of(name: Format) -> FormatModule:
    """Returns the module of a format."""
    return cast(FormatModule, import_module(FORMATS[name]))
