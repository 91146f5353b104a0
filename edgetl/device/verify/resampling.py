"""Whether this machine's quick resampling makes the pixels that the exact one makes."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np

from edgetl.bundle import Bundle
from edgetl.errors import GateError
from edgetl.vision.preprocess import Preprocessor

MOST_LEVELS = 2
"""Of 255. x86's quick way rounds one level otherwise on one value of seven, Arm's on none or as many; a wrong one would
be off by tens."""


@dataclass(frozen=True, slots=True)
class PixelReport:
    """How the golden photos came out.

    Attributes:
        photos: looked at.
        levels: the largest difference, of 255.
        share: of the values that differ, 0..1.
    """

    photos: int
    levels: int
    share: float

    @property
    def ok(self) -> bool:
        """Whether nothing is wrong with them."""
        return self.levels <= MOST_LEVELS

    def to_dict(self) -> dict[str, object]:
        """Returns JSON-ready values, as the reports of variants have them."""
        return {"variant": "preprocessing", "ok": self.ok, "skipped": False, **asdict(self)}

    def __str__(self) -> str:
        told = f"{self.photos} photos: fast resizing on this machine gives the same pixels as exact resizing"
        if self.levels:
            normal = f"normal, up to {MOST_LEVELS} are allowed" if self.ok else f"{MOST_LEVELS} are allowed"
            told = (
                f"{self.photos} photos: fast resizing differs from exact resizing on {self.share:.1%} of the values "
                f"by at most {self.levels} of 255 ({normal})"
            )
        return f"{'preprocessing':<24} {'ok' if self.ok else 'FAILS':<8} {told}"


def compare_pixels(bundle_folder: Path) -> PixelReport:
    """Resizes a bundle's golden photos as frames are, and exactly.

    Raises:
        ModelError: the bundle, or one of these photos, is not valid.
    """
    bundle = Bundle.open(bundle_folder)
    spec = bundle.manifest.card.input
    quick, exact = Preprocessor(spec), Preprocessor(replace(spec, interpolation="linear_exact"))
    frames = bundle.golden_frames() if spec.interpolation == "linear" else []  # area is another filter
    one, other = np.zeros((2, spec.height, spec.width, 3), np.uint8)
    levels, differing = 0, 0
    for frame in frames:
        quick(frame, one)
        exact(frame, other)
        difference = np.abs(one.astype(np.int16) - other)
        levels = max(levels, int(difference.max()))
        differing += int((difference > 0).sum())
    return PixelReport(len(frames), levels, differing / max(1, len(frames) * one.size))


def require(report: PixelReport, where: Path) -> None:
    """Passes where nothing is wrong with the pixels.

    Raises:
        GateError: something is.
    """
    if not report.ok:
        what = f"this machine's OpenCV resizes wrongly: values are off by up to {report.levels} of 255"
        raise GateError(what, where=str(where), remedy="install another version of opencv-python-headless")
