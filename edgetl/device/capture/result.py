"""What a capture came to: photos by number, and how many of them are poor."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from edgetl.text import counted, printable


@dataclass(frozen=True, slots=True)
class CaptureResult:
    """The outcome of `edgetl.capture`; as text it is what `edgetl capture` prints at the end.

    Example:
        >>> import edgetl
        >>> settings = edgetl.CaptureSettings(label="again", into="captured", source="photos/disc", count=2)
        >>> edgetl.capture(settings).taken
        2

    Attributes:
        folder: the folder of the class.
        taken: the number of photos taken.
        blurred: the number of blurred photos among those taken.
        duplicates: the number of photos among those taken that look like an earlier one.
        even: the number of photos among those taken that show nothing but one brightness.
        skipped: the number of poor photos that were left out.
    """

    folder: Path
    taken: int = 0
    blurred: int = 0
    duplicates: int = 0
    even: int = 0
    skipped: int = 0

    def with_photo(self, faults: Sequence[str]) -> CaptureResult:
        """Returns the outcome after one more photo.

        Args:
            faults: the photo's faults; see `edgetl.device.capture.photo_check.Fault`.
        """
        return replace(
            self,
            taken=self.taken + 1,
            blurred=self.blurred + ("blurred" in faults),
            duplicates=self.duplicates + ("near duplicate" in faults),
            even=self.even + ("even" in faults),
        )

    def with_skipped(self) -> CaptureResult:
        """Returns the outcome after one more photo that was left out."""
        return replace(self, skipped=self.skipped + 1)

    def __str__(self) -> str:
        lines = [f"{counted(self.taken, 'photo')} taken into {printable(self.folder)}"]
        for number, sentence in (
            (self.blurred, "blurred: hold the camera still, or set its focus"),
            (self.duplicates, "like an earlier photo: turn or move the thing, or change the light"),
            (self.even, "of one brightness: see whether the lens is covered or the light is off"),
        ):
            if number:
                lines.append(f"  {number} {sentence}")
        if self.skipped:
            lines.append(f"  {counted(self.skipped, 'poor photo')} left out")
        return "\n".join(lines)
