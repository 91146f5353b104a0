"""The review of a training's photos or boxes: what more would bring, and whose labels are probably wrong."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from edgetl.host.probe.data_curve import CurvePoint
from edgetl.host.probe.folds import Estimate

Part = Literal["train", "val", ""]
"""The part of the split; empty for a photo that is neither trained on nor validated with."""
Reason = Literal["looks like another class", "same photo in another class", "nearly the same photo in another class"]
"""The reason why a photo is a suspect."""

CLEAR = 0.8
"""A label is clearly wrong if the other class is more probable by at least this much, 0..1."""


@dataclass(frozen=True, slots=True)
class SuspectPhoto:
    """A photo, or a box in it, whose label is probably wrong.

    Attributes:
        file: the photo file, relative to the data set's folder.
        part: the part of the split.
        label: the class by its folder, or of the box.
        looks_like: the class that it looks like, or the class in which a copy of it lies; a box can look like the
            background.
        reason: the reason.
        own: the probability of its own class, 0..1; None for a copy.
        other: the probability of the class that it looks like, 0..1; None for a copy.
        copy_of: the first file of its group of copies; empty for a photo that is no copy.
        box: the box that has the label, left, top, right and bottom in px of the photo; None if the photo has it.
    """

    file: str
    part: Part
    label: str
    looks_like: str
    reason: Reason
    own: float | None = None
    other: float | None = None
    copy_of: str = ""
    box: tuple[int, int, int, int] | None = None

    @property
    def clear(self) -> bool:
        """Whether the label is clearly wrong; one of two equal photos in two classes is."""
        if self.own is None or self.other is None:
            return self.reason == "same photo in another class"
        return self.other - self.own >= CLEAR


@dataclass(frozen=True, slots=True)
class ClassGain:
    """What more photos of a class would bring.

    Attributes:
        label: the class.
        photos: the number of its training photos, or of its boxes in them.
        recall: the share of its validation photos, or boxes, that the trained network recognises, 0..1.
        gain: the expected increase of the recall with twice the photos, 0..1.
    """

    label: str
    photos: int
    recall: float
    gain: float


@dataclass(frozen=True, slots=True)
class PhotoReview:
    """What a training found out about its photos.

    Example:
        >>> import edgetl
        >>> review = edgetl.PhotoReview(missing="The training began with random weights.")
        >>> review.clear, review.gain
        (0, None)

    Attributes:
        missing: the reason why there is no curve or no list of suspects; empty if there are both.
        measured: the accuracy of a closed-form head against the number of photos, or of crops of boxes and of the
            background; empty if there is no curve.
        fitted: the fitted curve up to twice the photos; empty if there is no curve.
        gain: what twice the photos should add to the top-1 of the trained network, or to the share of the boxes that
            it finds, 0..1; None if there is no curve.
        class_gains: the classes, the largest gain first; empty if there is no curve.
        reviewed: the number of photos or boxes that were searched for wrong labels.
        suspects: the photos or boxes whose label is probably wrong, the clearest first.
        unit: what has a label: `photo` for a classifier, `box` for a detector.
    """

    missing: str = ""
    measured: tuple[CurvePoint, ...] = ()
    fitted: tuple[CurvePoint, ...] = ()
    gain: Estimate | None = None
    class_gains: tuple[ClassGain, ...] = ()
    reviewed: int = 0
    suspects: tuple[SuspectPhoto, ...] = field(default_factory=tuple)
    unit: Literal["photo", "box"] = "photo"

    @property
    def clear(self) -> int:
        """The number of labels that are clearly wrong: one of a group of copies is."""
        return len({(suspect.copy_of or suspect.file, suspect.box) for suspect in self.suspects if suspect.clear})
