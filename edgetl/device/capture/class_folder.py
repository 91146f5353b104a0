"""Adds photos to a class folder: each appears whole or not at all, and none replaces another."""

from __future__ import annotations

import os
from datetime import datetime
from itertools import count
from pathlib import Path

from edgetl.files import friendly_os_errors, temporary_file


def add_photo(folder: Path, data: bytes, at: datetime) -> Path:
    """Writes a photo under the name of its time; a number follows if another photo has that name.

    Args:
        folder: the folder; it is made if it isn't there.
        data: the JPEG file.
        at: the time of the photo in UTC.

    Returns:
        The photo's path.

    Raises:
        EdgetlError: the disk is full or the folder can't be written to.
    """
    stem = f"{at:%Y%m%dT%H%M%S}.{at.microsecond // 1000:03d}Z"
    with friendly_os_errors(folder), temporary_file(folder / f"{stem}.jpg") as temporary:
        with temporary.open("r+b") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.chmod(0o644)
        for number in count(1):
            place = folder / (f"{stem}.jpg" if number == 1 else f"{stem}-{number}.jpg")
            if _moved(temporary, place):
                break
    return place


def _moved(temporary: Path, place: Path) -> bool:
    """Gives a file its final name; returns False if another file has it."""
    try:
        os.link(temporary, place)
    except FileExistsError:
        return False
    except OSError:  # the file system of an SD card or a USB stick may have no links
        if place.exists() or place.is_symlink():
            return False
        temporary.rename(place)
    return True
