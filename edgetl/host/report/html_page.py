"""Writes a report as one self-contained HTML file that loads nothing from elsewhere, with all text escaped."""

from __future__ import annotations

import base64
import math
from collections.abc import Iterable, Mapping
from pathlib import Path

import cv2
import numpy as np
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape

from edgetl.card import InputSpec
from edgetl.files import write_atomic
from edgetl.text import counted
from edgetl.vision.arrays import Image
from edgetl.vision.photo import PhotoError, read_photo

_UNKNOWN = "–"
"""The text in place of a figure that is not known."""
_QUALITY = 82
"""The JPEG quality of pictures, 0..100; a higher one would hardly look better and make reports larger."""
_THUMBNAIL = 240
"""The longer side of a thumbnail, px; the report shows thumbnails at up to about this size."""
_HEADINGS = {
    "root": "Folder",
    "unreadable": "Unreadable files",
    "sizes": "Sizes of the photos, px",
    "classes": "Classes",
    "class_photos": "Photos of each class",
    "background": "Photos without boxes",
    "areas": "Boxes by size",
    "sides": "Sides of the boxes, share of the photo's side",
    "mended": "Corrections",
    "exact_duplicates": "Photos with the same content",
    "near_duplicates": "Photos that look nearly the same",
    "leaks": "Duplicates in different parts of the split",
    "crowd": "Boxes around crowds",
    "difficult": "Boxes marked as difficult",
    "tiny": "Tiny boxes",
}
"""The headings in a page for the keys of a data set's report."""


def write_page(path: Path, template: str, values: Mapping[str, object]) -> None:
    """Writes a report.

    Args:
        path: the HTML file.
        template: the file name of the template in the folder `templates`.
        values: the values of the template's variables by name.

    Raises:
        EdgetlError: the file can't be written.
    """
    page = Environment(
        loader=FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    filters = (percent, points, filesize, milliseconds, duration, heading, thumbnail, sentence)
    page.filters.update({form.__name__: form for form in filters}, columns=_columns, counted=counted)
    text = page.get_template(template).render(values)
    write_atomic(path, text.encode("utf-8", "backslashreplace"))  # a file's name need not be UTF-8


def sentence(text: str) -> Markup:
    """Returns a sentence as HTML, in which text between backticks is code.

    Args:
        text: the sentence as it is printed in a terminal.
    """
    parts = text.split("`")
    if len(parts) % 2 == 0:  # a backtick without its pair, as in a file's name
        return escape(text)
    return Markup("").join(
        Markup("<code>{}</code>").format(part) if at % 2 else escape(part) for at, part in enumerate(parts)
    )


def data_uri(picture: Image) -> str:
    """Returns a picture as a JPEG in a data URI.

    Args:
        picture: the picture, (H, W, 3) uint8 BGR.
    """
    data = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])[1].tobytes()
    return f"data:image/jpeg;base64,{base64.b64encode(data).decode()}"


def thumbnail(photo: Path) -> str:
    """Returns a photo file as a small JPEG in a data URI; empty if it can't be read."""
    try:
        frame = read_photo(photo, InputSpec(_THUMBNAIL, _THUMBNAIL))
    except PhotoError:
        return ""
    height, width = frame.shape[:2]
    scale = min(1.0, _THUMBNAIL / max(height, width))
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    return data_uri(np.asarray(cv2.resize(frame, size, interpolation=cv2.INTER_AREA), np.uint8))


def heading(key: str) -> str:
    """Returns a key of a data set's report as a heading: `exact_duplicates` as `Photos with the same content`."""
    return _HEADINGS.get(key) or key[:1].upper() + key[1:].replace("_", " ")


def percent(share: float) -> str:
    """Formats a share, 0..1: 0.853 as `85.3 %`."""
    return _UNKNOWN if math.isnan(share) else f"{100 * share:.1f}\u202f%"


def points(drop: float) -> str:
    """Formats a loss, -1..1, in percentage points: 0.012 as `−1.2`, and a gain with a plus."""
    if math.isnan(drop):
        return _UNKNOWN
    change = round(-100 * drop, 1)
    return f"{change:+.1f}".replace("-", "−") if change else "0.0"


def filesize(size: float) -> str:
    """Formats a size in bytes: 2 621 440 as `2.62 MB`."""
    if math.isnan(size) or not size:
        return _UNKNOWN
    return f"{size / 1e6:.2f}\u202fMB" if size >= 1e5 else f"{size / 1e3:.1f}\u202fkB"


def milliseconds(latency: float) -> str:
    """Formats a time in ms: 12.34 as `12.3 ms`."""
    return _UNKNOWN if math.isnan(latency) else f"{latency:.3g}\u202fms"


def duration(seconds: float) -> str:
    """Formats a time in s: 754 as `12 min 34 s`."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours}\u202fh {minutes:02d}\u202fmin"
    return f"{minutes}\u202fmin {rest:02d}\u202fs" if minutes else f"{rest}\u202fs"


def _columns(table: Mapping[object, Mapping[object, object]]) -> Iterable[object]:
    """Returns the keys of all rows of a table, each once, in the order of their first occurrence."""
    return dict.fromkeys(key for row in table.values() for key in row)
