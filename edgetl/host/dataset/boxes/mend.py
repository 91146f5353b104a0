"""Cleans annotated boxes: rotated upright as the photo's EXIF says, clipped to the photo, with an area, each once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from edgetl.host.dataset.boxes.boxed_photo import Box, BoxedPhoto
from edgetl.host.dataset.photos import Record, parallel
from edgetl.vision.exif import exif_orientation

_JPEG_HEAD = 1 << 18
"""The EXIF data of a JPEG lies within this many bytes at its beginning, so that no more is read."""

_SLACK = 0.5
"""A box that reaches out of its photo by at most this is clipped silently, px: rounding causes it."""

_LEAST = 1e-3
"""A box with a shorter side counts as having no area, px."""

_STRETCH = 0.05
"""If the scales of width and height differ by at most this (0..1), rounding of a small photo's size is the cause."""

Xyxy = tuple[float, float, float, float]


@dataclass(slots=True)
class Mended:
    """Photos with clean boxes, and the names of those that were corrected or left out.

    Attributes:
        photos: the N readable photos, in their original order; the boxes lie within the upright photo, whose size is
            known.
        records: the N records of these photos.
        unreadable: the photos that can't be read and were left out, each as `photo: reason`.
        sideways: the photos left out because they were annotated on their side and the direction is unknown.
        no_area: the boxes dropped because they have no area, each as `photo: label xyxy`.
        outside: the boxes dropped because they lie wholly outside their photo, each as `photo: label xyxy`.
        clipped: the boxes that reached out of their photo and were clipped, each as `photo: label xyxy`.
        repeated: the boxes dropped because another one is equal, each as `photo: label xyxy`.
        rotated: the photos whose boxes were rotated with the photo.
        rescaled: the photos annotated at another size, each as `photo: annotated size to real size`.
        stretched: the rescaled photos whose aspect ratio differs from the annotated one.
        unclear: the photos that EXIF rotates and whose boxes may or may not be rotated already.
    """

    photos: list[BoxedPhoto] = field(default_factory=list)
    records: list[Record] = field(default_factory=list)
    unreadable: list[str] = field(default_factory=list)
    sideways: list[str] = field(default_factory=list)
    no_area: list[str] = field(default_factory=list)
    outside: list[str] = field(default_factory=list)
    clipped: list[str] = field(default_factory=list)
    repeated: list[str] = field(default_factory=list)
    rotated: list[str] = field(default_factory=list)
    rescaled: list[str] = field(default_factory=list)
    stretched: list[str] = field(default_factory=list)
    unclear: list[str] = field(default_factory=list)

    def corrections(self) -> dict[str, list[str]]:
        """Returns the names of the corrected boxes and photos by kind of correction, without empty kinds."""
        by_kind = {
            "boxes without area, dropped": self.no_area,
            "boxes outside their photo, dropped": self.outside,
            "boxes that reach out of their photo, clipped": self.clipped,
            "boxes annotated twice, dropped": self.repeated,
            "photos rotated by EXIF, boxes rotated with them": self.rotated,
            "photos annotated at another size, boxes rescaled": self.rescaled,
            "photos with another aspect ratio than annotated: check with --sheet whether the boxes fit": self.stretched,
            "photos annotated on their side in an unknown direction, left out": self.sideways,
            "photos rotated by EXIF, boxes perhaps not: check with --sheet whether they fit": self.unclear,
        }
        return {kind: names for kind, names in by_kind.items() if names}


def mend(root: Path, photos: Sequence[BoxedPhoto], records: Sequence[Record], *, shares: bool = False) -> Mended:
    """Cleans annotated boxes.

    Args:
        root: the data set's folder; photos are named by their paths below it.
        photos: the N annotated photos.
        records: the N records of these photos.
        shares: whether the boxes were annotated as shares of the upright photo, as in YOLO.
    """
    done = Mended()
    # YOLO's shares refer to the upright photo, so that its EXIF rotation does not matter.
    in_px = [i for i in range(len(photos)) if not (shares or records[i].error)]
    turns = dict(zip(in_px, parallel(lambda i: _orientation(photos[i].path), in_px, "Reading EXIF"), strict=True))
    for i, (photo, record) in enumerate(zip(photos, records, strict=True)):
        name = photo.path.relative_to(root).as_posix()
        if record.error:
            done.unreadable.append(f"{name}: {record.error}")
            continue
        upright = _upright(photo, record, turns.get(i, 1), name, done)
        if upright is None:
            done.sideways.append(name)
            continue
        size_wh = (record.width, record.height)
        done.photos.append(replace(photo, boxes=_clean(upright, size_wh, name, done), size_wh=size_wh))
        done.records.append(record)
    return done


def turn(xyxy: Xyxy, size_wh: tuple[float, float], orientation: int) -> Xyxy:
    """Rotates a box as the EXIF orientation of a photo rotates its pixels.

    Args:
        xyxy: left, top, right and bottom edge in px of the stored pixels.
        size_wh: width and height of the stored pixels, px.
        orientation: the EXIF orientation, 1..8.

    Returns:
        Left, top, right and bottom edge in px of the upright photo.
    """
    (x1, y1, x2, y2), (w, h) = xyxy, size_wh
    if orientation in (5, 6, 7, 8):  # these swap rows and columns
        x1, y1, x2, y2, w, h = y1, x1, y2, x2, h, w
    if orientation in (2, 3, 6, 7):
        x1, x2 = w - x2, w - x1
    if orientation in (3, 4, 7, 8):
        y1, y2 = h - y2, h - y1
    return x1, y1, x2, y2


def _orientation(path: Path) -> int:
    with path.open("rb") as file:
        head = file.read(_JPEG_HEAD)
        return exif_orientation(head if head.startswith(b"\xff\xd8") else head + file.read())


def _upright(photo: BoxedPhoto, record: Record, orientation: int, name: str, done: Mended) -> list[Box] | None:
    """Returns the boxes in px of the upright photo; None if they were annotated on the side in an unknown direction."""
    if photo.size_wh is None or not photo.boxes:
        done.unclear += [name] if orientation > 1 and photo.boxes else []
        return list(photo.boxes)
    w, h = photo.size_wh
    boxes = list(photo.boxes)
    if orientation > 4 and (w > h) != (record.width > record.height) and w != h:
        boxes = [replace(box, xyxy=turn(box.xyxy, (w, h), orientation)) for box in boxes]
        w, h = h, w
        done.rotated.append(name)
    elif orientation > 1 and (orientation <= 4 or record.width == record.height):
        done.unclear.append(name)
    if (w, h) == (record.width, record.height):
        return boxes
    if (w, h) == (record.height, record.width):
        return None
    across, down = record.width / w, record.height / h
    done.rescaled.append(f"{name}: {w}x{h} to {record.width}x{record.height}")
    if abs(across / down - 1) > _STRETCH:
        done.stretched.append(name)
    return [replace(box, xyxy=_scaled(box.xyxy, across, down)) for box in boxes]


def _scaled(xyxy: Xyxy, across: float, down: float) -> Xyxy:
    x1, y1, x2, y2 = xyxy
    return x1 * across, y1 * down, x2 * across, y2 * down


def _clean(boxes: Sequence[Box], size_wh: tuple[int, int], name: str, done: Mended) -> tuple[Box, ...]:
    clean: dict[tuple[str, Xyxy], Box] = {}
    w, h = size_wh
    for box in boxes:
        x1, y1, x2, y2 = box.xyxy
        shown = f"{name}: {box.label} {x1:g},{y1:g},{x2:g},{y2:g}"
        clipped = replace(box, xyxy=(max(x1, 0.0), max(y1, 0.0), min(x2, float(w)), min(y2, float(h))))
        if min(box.size_wh) < _LEAST:
            done.no_area.append(shown)
        elif min(clipped.size_wh) < _LEAST:
            done.outside.append(shown)
        elif (clipped.label, clipped.xyxy) in clean:
            done.repeated.append(shown)
        else:
            clean[clipped.label, clipped.xyxy] = clipped
            if max(-x1, -y1, x2 - w, y2 - h) > _SLACK:
                done.clipped.append(shown)
    return tuple(clean.values())
