"""Boxes as annotated to boxes that can be trained on: upright, inside their photo, with an area, each once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from edgetl.host.dataset.boxes import Box, BoxedPhoto
from edgetl.host.dataset.photos import Record, parallel
from edgetl.vision.exif import exif_orientation

_JPEG_HEAD = 1 << 18
"""Bytes of a JPEG in which its EXIF lies: before everything else but other short headers."""

_SLACK = 0.5
"""A box that sticks out by less is clipped without a word: a matter of rounding, px."""

_LEAST = 1e-3
"""A box narrower than this has no area, px."""

_STRETCH = 0.05
"""Width and height that are scaled less differently come of rounding a small photo's sides."""

Xyxy = tuple[float, float, float, float]


@dataclass(slots=True)
class Mended:
    """Photos with clean boxes, and by whose names what was done to them.

    Attributes:
        photos: that open; their boxes are within the upright photo, whose size they carry. Ordered as given.
        records: of these photos.
        unreadable: `photo: what is wrong` of those left out.
        turned_against: photos left out: annotated lying, though nothing says which way they were turned.
        no_area: boxes dropped, as `photo: label xyxy`; so the next three.
        outside: boxes dropped, wholly outside their photo.
        clipped: boxes that stuck out.
        repeated: boxes dropped, the same as another.
        turned: photos whose boxes were turned with the photo.
        rescaled: photos whose annotation was made at another size, as `photo: from to`.
        stretched: those of the rescaled photos that have another shape than their annotation says.
        unclear: photos that their EXIF turns, and nothing says whether the boxes are turned already.
    """

    photos: list[BoxedPhoto] = field(default_factory=list)
    records: list[Record] = field(default_factory=list)
    unreadable: list[str] = field(default_factory=list)
    turned_against: list[str] = field(default_factory=list)
    no_area: list[str] = field(default_factory=list)
    outside: list[str] = field(default_factory=list)
    clipped: list[str] = field(default_factory=list)
    repeated: list[str] = field(default_factory=list)
    turned: list[str] = field(default_factory=list)
    rescaled: list[str] = field(default_factory=list)
    stretched: list[str] = field(default_factory=list)
    unclear: list[str] = field(default_factory=list)


def mend(root: Path, photos: Sequence[BoxedPhoto], records: Sequence[Record], *, shares: bool = False) -> Mended:
    """Makes annotated boxes clean.

    Args:
        root: the data set's folder, for names.
        photos: N, as `read_boxed` gives them.
        records: N, as `edgetl.host.dataset.photos.inspect` gives them.
        shares: whether the boxes were given in shares of the upright photo, as YOLO has them.
    """
    done = Mended()
    # YOLO's shares are of the upright photo, whatever its size.
    told = [i for i, photo in enumerate(photos) if not (shares or records[i].error)]
    turns = dict(zip(told, parallel(lambda i: _orientation(photos[i].path), told, "Reading EXIF"), strict=True))
    for i, (photo, record) in enumerate(zip(photos, records, strict=True)):
        name = photo.path.relative_to(root).as_posix()
        if record.error:
            done.unreadable.append(f"{name}: {record.error}")
            continue
        upright = _upright(photo, record, turns.get(i, 1), name, done)
        if upright is None:
            done.turned_against.append(name)
            continue
        size_wh = (record.width, record.height)
        done.photos.append(replace(photo, boxes=_clean(upright, size_wh, name, done), size_wh=size_wh))
        done.records.append(record)
    return done


def turn(xyxy: Xyxy, size_wh: tuple[float, float], orientation: int) -> Xyxy:
    """Turns a box as a photo's EXIF orientation turns its pixels.

    Args:
        xyxy: px of the pixels as stored.
        size_wh: width and height as stored, px.
        orientation: 1..8.

    Returns:
        px of the upright photo.
    """
    (x1, y1, x2, y2), (w, h) = xyxy, size_wh
    if orientation in (5, 6, 7, 8):  # the first stored row becomes a column
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
    """The boxes in px of the upright photo; None where its annotation lies and nothing says how."""
    if photo.size_wh is None or not photo.boxes:
        done.unclear += [name] if orientation > 1 and photo.boxes else []
        return list(photo.boxes)
    w, h = photo.size_wh
    boxes = list(photo.boxes)
    if orientation > 4 and (w > h) != (record.width > record.height) and w != h:
        boxes = [replace(box, xyxy=turn(box.xyxy, (w, h), orientation)) for box in boxes]
        w, h = h, w
        done.turned.append(name)
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
    kept: dict[tuple[str, Xyxy], Box] = {}
    w, h = size_wh
    for box in boxes:
        x1, y1, x2, y2 = box.xyxy
        shown = f"{name}: {box.label} {x1:g},{y1:g},{x2:g},{y2:g}"
        clipped = replace(box, xyxy=(max(x1, 0.0), max(y1, 0.0), min(x2, float(w)), min(y2, float(h))))
        if x2 - x1 < _LEAST or y2 - y1 < _LEAST:
            done.no_area.append(shown)
        elif not _has_area(clipped):
            done.outside.append(shown)
        elif (clipped.label, clipped.xyxy) in kept:
            done.repeated.append(shown)
        else:
            kept[clipped.label, clipped.xyxy] = clipped
            if max(-x1, -y1, x2 - w, y2 - h) > _SLACK:
                done.clipped.append(shown)
    return tuple(kept.values())


def _has_area(box: Box) -> bool:
    x1, y1, x2, y2 = box.xyxy
    return x2 - x1 >= _LEAST and y2 - y1 >= _LEAST
