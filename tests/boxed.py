"""Drawn photos with boxes, annotated by hand in every format: what the tests of detection data share."""

from __future__ import annotations

import json
import zlib
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from edgetl.host.dataset.boxes.boxed_photo import Box, BoxedPhoto
from edgetl.host.dataset.boxes.read import read_boxed
from edgetl.vision.photo import read_photo

W, H = 160, 120
COLOURS = {"ace": (40, 40, 220), "king": (40, 200, 40), "ten": (220, 60, 40)}

Row = tuple[str, float, float, float, float]


def draw_photo(path: Path, rows: list[Row] | tuple[Row, ...] = (), size_wh=(W, H), seed: int | None = None) -> Path:
    """Writes a photo with a filled rectangle for each row; no two are alike unless their seeds are."""
    width, height = size_wh
    rng = np.random.default_rng(zlib.crc32(path.name.encode()) if seed is None else seed)
    ground = rng.integers(0, 256, (12, 16, 3), np.uint8)
    image = cv2.resize(ground, (width, height), interpolation=cv2.INTER_CUBIC)
    for label, x1, y1, x2, y2 in rows:
        cv2.rectangle(image, (round(x1), round(y1)), (round(x2) - 1, round(y2) - 1), COLOURS.get(label, (0, 0, 0)), -1)
    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), image)
    return path


def xml_text(filename: str, rows, size_wh=(W, H), difficult=()) -> str:
    """A Pascal VOC annotation; `difficult` are the positions of the rows marked so."""
    things = "".join(
        f"<object><name>{label}</name><difficult>{int(i in difficult)}</difficult><bndbox>"
        f"<xmin>{x1}</xmin><ymin>{y1}</ymin><xmax>{x2}</xmax><ymax>{y2}</ymax></bndbox></object>"
        for i, (label, x1, y1, x2, y2) in enumerate(rows)
    )
    size = f"<size><width>{size_wh[0]}</width><height>{size_wh[1]}</height><depth>3</depth></size>" if size_wh else ""
    return f"<annotation><filename>{filename}</filename>{size}{things}</annotation>"


def put(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def put_voc(photo: Path, rows, size_wh=(W, H), difficult=(), seed=None) -> Path:
    """A photo with its XML beside it."""
    draw_photo(photo, rows, seed=seed)
    put(photo.with_suffix(".xml"), xml_text(photo.name, rows, size_wh, difficult))
    return photo


def coco_text(photos: dict[str, list[Row]], size_wh=(W, H), crowd=()) -> str:
    labels = sorted({row[0] for rows in photos.values() for row in rows})
    images = [{"id": i, "file_name": name, "width": size_wh[0], "height": size_wh[1]} for i, name in enumerate(photos)]
    annotations = [
        {"image_id": i, "category_id": 7 + labels.index(label), "bbox": [x1, y1, x2 - x1, y2 - y1]}
        for i, rows in enumerate(photos.values())
        for label, x1, y1, x2, y2 in rows
    ]
    for i, row in enumerate(annotations):
        row |= {"id": i, "iscrowd": int(i in crowd), "area": 1}
    categories = [{"id": 7 + i, "name": label} for i, label in enumerate(labels)]
    return json.dumps({"images": images, "annotations": annotations, "categories": categories})


def csv_text(photos: dict[str, list[Row]], size_wh=(W, H)) -> str:
    lines = ["filename,width,height,class,xmin,ymin,xmax,ymax"]
    for name, rows in photos.items():
        lines += [f"{name},{size_wh[0]},{size_wh[1]},{','.join(map(str, row))}" for row in rows]
    return "\n".join(lines) + "\n"


def boxes_by_name(photos: list[BoxedPhoto], root: Path) -> dict[str, tuple[str, list[tuple]]]:
    """Each photo's part and boxes by its name below the root."""
    return {
        photo.path.relative_to(root).as_posix(): (photo.part, [(box.label, *box.xyxy) for box in photo.boxes])
        for photo in photos
    }


def box(label="ace", xyxy=(10.0, 10.0, 50.0, 60.0), **flags) -> Box:
    return Box(label, xyxy, **flags)


def put_turned(path, orientation, xyxy=(20, 30, 70, 50)):
    """A photo stored as 160 x 120 with a white box at `xyxy`, to be shown as its EXIF orientation requires."""
    pixels = np.zeros((H, W, 3), np.uint8)
    x1, y1, x2, y2 = xyxy
    pixels[y1:y2, x1:x2] = 255
    exif = Image.Exif()
    exif[0x112] = orientation
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path, exif=exif, **({"quality": 95} if path.suffix == ".jpg" else {}))
    return path


def seen(path):
    """Where the white box is in the upright photo, xyxy px."""
    ys, xs = np.nonzero(read_photo(path)[..., 0] > 127)
    return xs.min(), ys.min(), xs.max() + 1, ys.max() + 1


def find_boxed(root: Path) -> list[BoxedPhoto]:
    """The photos of a detection data set with their boxes, ordered by path."""
    return read_boxed(root).photos
