"""Collected frames as `edgetl run --collect` writes them, for tests of what reads them."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
from homes import draw_shape


def put_frame(folder: Path, number: int, label: str | None = "disc", *, boxes=None, image=None, **changes) -> str:
    """Writes a frame's two files, and returns their name without the suffix.

    Args:
        folder: the folder, which is made.
        number: the number that distinguishes the frame, its time and its picture.
        label: the class that a classifier found; None for none.
        boxes: (label, x1, y1, x2, y2) of the objects that a detector found, in the place of the class.
        image: the picture; None draws one.
        changes: other values for the description's keys; None leaves a key out.
    """
    folder.mkdir(parents=True, exist_ok=True)
    image = draw_shape("disc", np.random.default_rng(number)) if image is None else image
    name = f"20261128T18{number // 60:02}{number % 60:02}.{number % 1000:03}Z-{number:08x}"
    cv2.imwrite(str(folder / f"{name}.jpg"), image, [cv2.IMWRITE_JPEG_QUALITY, 95])
    if boxes is None:
        classes = [] if label is None else [{"label": label, "class_id": 0, "score": 0.4}]
        result = {"task": "classification", "classes": classes}
    else:
        objects = [{"label": box[0], "class_id": 0, "score": 0.4, "xyxy": list(box[1:])} for box in boxes]
        result = {"task": "detection", "objects": objects}
    document = {
        "schema": 1,
        "time": "2026-11-28T18:30:00.123Z",
        "reason": "uncertain",
        "score": 0.8,
        "model": {"name": "parts", "digest": "0123456789abcdef"},
        "variant": "int8",
        "labels": ["cross", "disc", "square"],
        "result": {"index": number, "t": 0.1, **result},
        "size": [image.shape[1], image.shape[0]],
    } | changes
    content = {key: value for key, value in document.items() if value is not None}
    (folder / f"{name}.json").write_text(json.dumps(content))
    return name
