"""Checks that this machine's fast resizing gives nearly the same pixels as exact resizing."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np

from edgetl.bundle import Bundle
from edgetl.errors import GateError
from edgetl.text import counted
from edgetl.vision.preprocess import Preprocessor

MOST_LEVELS = 2
"""Fast resizing may differ by at most this many levels of 255. On x86 it differs by one level on one value of seven, on
Arm on as many or none; a faulty OpenCV would differ by tens."""


@dataclass(frozen=True, slots=True)
class PixelReport:
    """The difference between fast and exact resizing of the golden photos.

    Attributes:
        photos: the number of photos that were compared.
        levels: the largest difference of a value, 0..255.
        share: the share of the values that differ, 0..1.
    """

    photos: int
    levels: int
    share: float

    @property
    def ok(self) -> bool:
        """Whether the difference is within the allowed one."""
        return self.levels <= MOST_LEVELS

    def to_dict(self) -> dict[str, object]:
        """Returns JSON-ready values with the keys that the reports of variants have."""
        return {"variant": "preprocessing", "ok": self.ok, "skipped": False, **asdict(self)}

    def __str__(self) -> str:
        photos = counted(self.photos, "photo")
        text = f"{photos}: fast resizing on this machine gives the same pixels as exact resizing"
        if self.levels:
            normal = f"normal, up to {MOST_LEVELS} are allowed" if self.ok else f"{MOST_LEVELS} are allowed"
            text = (
                f"{photos}: fast resizing differs from exact resizing on {self.share:.1%} of the values "
                f"by at most {self.levels} of 255 ({normal})"
            )
        return f"{'preprocessing':<24} {'ok' if self.ok else 'FAILS':<8} {text}"


def compare_pixels(bundle_folder: Path) -> PixelReport:
    """Resizes a bundle's golden photos in the fast way, as `edgetl run` resizes frames, and exactly.

    Args:
        bundle_folder: the bundle's folder.

    Raises:
        ModelError: the bundle or a golden photo is not valid.
    """
    bundle = Bundle.open(bundle_folder)
    spec = bundle.manifest.card.input
    fast, exact = Preprocessor(spec), Preprocessor(replace(spec, interpolation="linear_exact"))
    frames = bundle.golden_frames() if spec.interpolation == "linear" else []  # the filter `area` has no exact form
    one, other = np.zeros((2, spec.height, spec.width, 3), np.uint8)
    levels, differing = 0, 0
    for frame in frames:
        fast(frame, one)
        exact(frame, other)
        difference = np.abs(one.astype(np.int16) - other)
        levels = max(levels, int(difference.max()))
        differing += int((difference > 0).sum())
    return PixelReport(len(frames), levels, differing / max(1, len(frames) * one.size))


def require_same_pixels(report: PixelReport, where: Path) -> None:
    """Checks that fast resizing differs from exact resizing no more than allowed.

    Args:
        report: the comparison.
        where: the bundle's folder, for the message.

    Raises:
        GateError: the difference is too large.
    """
    if not report.ok:
        what = f"this machine's OpenCV resizes wrongly: values are off by up to {report.levels} of 255"
        raise GateError(what, where=str(where), remedy="install another version of opencv-python-headless")
