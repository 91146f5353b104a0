"""The result of fetching collected frames, in words and as JSON."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from edgetl.host.dataset.list_files import PROPOSALS
from edgetl.host.html_table import html_table
from edgetl.text import counted, listed

_MOST_ROWS = 30
"""At most this many classes get a line in the text for people; the JSON has all."""


@dataclass(frozen=True, slots=True)
class PullResult:
    """What a pull fetched, and what became of it.

    Example:
        >>> from pathlib import Path
        >>> import edgetl
        >>> result = edgetl.PullResult(Path("pulled"), "pi@camera", 40, 2_000_000, {"bolt": 4}, {"uncertain": 4})
        >>> print(result.to_text().splitlines()[0])
        4 new photos of 40 frames at pi@camera, 2.0 MB

    Attributes:
        folder: the folder that was fetched into.
        source: the device and its folder, or the folder of this machine.
        found: the number of frames there.
        bytes: the number of bytes that came.
        proposed: the number of new photos of each proposed class.
        reasons: the number of new photos by the reason why they were kept.
        boxes: the number of proposed boxes; 0 for a classifier.
        duplicates: the number of frames that are copies or near duplicates of photos in the folder.
        unusable: the number of frames that differ from the device's after the copy, or are no photo with a description.
        deleted: the number of frames that were deleted there.
    """

    folder: Path
    source: str
    found: int
    bytes: int
    proposed: Mapping[str, int]
    reasons: Mapping[str, int]
    boxes: int = 0
    duplicates: int = 0
    unusable: int = 0
    deleted: int = 0

    @property
    def photos(self) -> int:
        """The number of new photos."""
        return sum(self.reasons.values())

    def to_dict(self) -> dict[str, object]:
        """Returns the result as JSON-ready values."""
        return {
            "folder": str(self.folder),
            "source": self.source,
            "found": self.found,
            "photos": self.photos,
            "bytes": self.bytes,
            "proposed": dict(self.proposed),
            "reasons": dict(self.reasons),
            "boxes": self.boxes,
            "duplicates": self.duplicates,
            "unusable": self.unusable,
            "deleted": self.deleted,
        }

    def to_text(self) -> str:
        """Returns the result for people: how many photos of which class, and what to do next."""
        return "\n".join([self._headline(), *self._rows(), *self._rest()])

    def _headline(self) -> str:
        frames = f"{counted(self.found, 'frame')} at {self.source}"
        return f"{counted(self.photos, 'new photo')} of {frames}, {self.bytes / 1e6:.1f} MB"

    def _rows(self) -> list[str]:
        width = max(map(len, self.proposed), default=0)
        rows = [f"  {label:<{width}}  {count:>5}" for label, count in list(self.proposed.items())[:_MOST_ROWS]]
        reasons = listed([f"{count} {reason}" for reason, count in self.reasons.items()], 8)
        return [*rows, f"kept because: {reasons}"] if self.photos else []

    def _rest(self) -> list[str]:
        lines = []
        if self.duplicates:
            lines.append(
                f"left out: {counted(self.duplicates, 'copy or near duplicate', 'copies and near duplicates')}"
            )
        if self.unusable:
            lines.append(f"left out: {counted(self.unusable, 'frame')} that can't be read, and stay where they are")
        if self.deleted:
            lines.append(f"deleted there: {counted(self.deleted, 'frame')}")
        if self.photos:
            place = self.folder / PROPOSALS
            todo = "correct the boxes" if self.boxes else "move each photo into the folder of its class"
            lines.append(f"next: {todo} in {place}, add them to your photos, and train on all of them")
        return lines

    def __str__(self) -> str:
        return self.to_text()

    def _repr_html_(self) -> str:
        return html_table(self._headline(), ["class", "photos"], list(self.proposed.items()), self._rest())
