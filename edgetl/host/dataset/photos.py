"""The record of each photo file: digest, size, difference hash and reading error, remembered between runs."""

from __future__ import annotations

import dataclasses
import errno
import hashlib
import json
import logging
import os
import re
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from platformdirs import user_cache_path

from edgetl import schema
from edgetl.card import InputSpec
from edgetl.device.camera.opencv_capture import quiet
from edgetl.errors import EdgetlError
from edgetl.files import read_regular, write_atomic
from edgetl.host.console import track
from edgetl.vision.arrays import Image
from edgetl.vision.near_duplicates import difference_hash
from edgetl.vision.photo import PhotoError, decode_sized, read_file
from edgetl.vision.photo_header import MAX_PIXELS

logger = logging.getLogger(__name__)

T = TypeVar("T")

_LASTING = frozenset({errno.EACCES, errno.EPERM, errno.EFBIG, errno.EINVAL, errno.ENOENT})
"""Errors that last until the file changes; after any other error the file is read again in the next run."""

_DIGEST = re.compile(r"[0-9a-f]{40}")
_HASH = re.compile(r"[0-9a-f]{64}")
_MOST_INDEX_BYTES = 2**30
"""An index file may have at most this many bytes; a photo takes about 200, so that five million photos fit."""


@dataclass(frozen=True, slots=True)
class Record:
    """The properties of one photo file.

    Attributes:
        stamp: size, modification time and change time of the file; if it changes, the file is read again.
        digest: the BLAKE2b digest of the content, in hex.
        height: the height of the upright photo, px; 0 if it can't be read.
        width: the width of the upright photo, px; 0 if it can't be read.
        difference_hash: 256 bits in hex; near duplicates differ in a few of them.
        error: the reason why the photo can't be read; empty if it can.
    """

    stamp: str
    digest: str
    height: int = 0
    width: int = 0
    difference_hash: str = ""
    error: str = ""


def cache_folder() -> Path:
    """Returns the folder of the cache of photos: the value of EDGETL_CACHE, or the user's cache folder."""
    return Path(os.environ.get("EDGETL_CACHE") or user_cache_path("edgetl"))


def read_records(root: Path, paths: Sequence[Path]) -> list[Record]:
    """Returns the record of each photo; only new and changed files are read.

    Args:
        root: the data set's folder, to which the index belongs.
        paths: N photo files below `root`.
    """
    known = remembered(root, paths)
    stale = [i for i, record in enumerate(known) if record is None]
    fresh = parallel(lambda i: read_record(paths[i], None)[0], stale, "Reading photos")
    for i, record in zip(stale, fresh, strict=True):
        known[i] = record
    records = [record for record in known if record is not None]
    if stale:
        try:
            remember(root, paths, records)
        except EdgetlError as error:  # the records are valid although they can't be remembered
            logger.warning("the photos will be read again the next time: %s, %s", error.where, error.what)
    return records


def read_record(path: Path, spec: InputSpec | None) -> tuple[Record, Image | None]:
    """Reads one photo.

    Args:
        path: the photo file.
        spec: the model's input, for which a smaller decoding may be enough; None decodes at full size.

    Returns:
        The record, and the upright frame, (H, W, 3) uint8 BGR; None if the photo can't be read.
    """
    stamp = _stamp(path)
    try:
        data = read_file(path)
    except PhotoError as error:
        lasts = isinstance(error.__cause__, OSError) and error.__cause__.errno in _LASTING
        return Record(stamp if lasts else "", "", error=error.what), None
    digest = hashlib.blake2b(data, digest_size=20).hexdigest()
    try:
        frame, (height, width) = decode_sized(data, spec, where=str(path))
    except PhotoError as error:
        return Record(stamp, digest, error=error.what), None
    return Record(stamp, digest, height, width, difference_hash(frame).tobytes().hex()), frame


def remembered(root: Path, paths: Sequence[Path], spec: InputSpec | None = None) -> list[Record | None]:
    """Returns the records of an earlier run; None for each file that is new or has changed.

    Args:
        root: the data set's folder.
        paths: N photo files below `root`.
        spec: the model's input for which the photos were decoded; None for full size.
    """
    index = _load_index(_index_file(root, spec))
    found = [index.get(_key(root, path)) for path in paths]
    return [r if r is not None and r.stamp == _stamp(p) else None for p, r in zip(paths, found, strict=True)]


def remember(root: Path, paths: Sequence[Path], records: Sequence[Record], spec: InputSpec | None = None) -> None:
    """Stores the records of N photos for the next run.

    Args:
        root: the data set's folder.
        paths: N photo files below `root`.
        records: the N records of these photos.
        spec: the model's input for which the photos were decoded; None for full size.

    Raises:
        EdgetlError: the index can't be written.
    """
    rows = {_key(root, path): dataclasses.asdict(record) for path, record in zip(paths, records, strict=True)}
    write_atomic(_index_file(root, spec), json.dumps(rows))


def parallel(work: Callable[[int], T], items: Sequence[int], title: str) -> list[T]:
    """Applies a function to each item in one thread for each core; OpenCV and hashlib release the interpreter's lock.

    Args:
        work: the function.
        items: the items.
        title: the title of the progress bar.
    """
    quiet()
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        try:
            return list(track(pool.map(work, items), title, len(items)))
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def fingerprint(rows: Iterable[str]) -> str:
    """Returns the SHA-256 of a set of rows in hex; the order of the rows doesn't matter.

    Args:
        rows: one text for each photo, such as its digest and class.
    """
    return hashlib.sha256("\n".join(sorted(rows)).encode()).hexdigest()


def _stamp(path: Path) -> str:
    try:
        status = path.stat()
    except OSError:
        return ""
    return f"{status.st_size}-{status.st_mtime_ns}-{status.st_ctime_ns}"


def root_key(root: Path) -> str:
    """Returns the short name of a data set's folder that the names of its cache files contain."""
    return hashlib.blake2b(os.fsencode(root.resolve()), digest_size=8).hexdigest()


def _key(root: Path, path: Path) -> str:
    """Returns the name of a photo in the index, which is the same for a relative and an absolute path."""
    return os.path.relpath(path, root)


def _index_file(root: Path, spec: InputSpec | None) -> Path:
    """Returns the index file for an input size: a difference hash depends a little on the scale of decoding."""
    scale = f"{spec.height}x{spec.width}" if spec else "full"
    return cache_folder() / f"index-{root_key(root)}-{scale}.json"


def _load_index(path: Path) -> dict[str, Record]:
    """Reads an index; a missing or damaged index, or one of another version, counts as empty."""
    try:
        rows = json.loads(read_regular(path, _MOST_INDEX_BYTES))
        records = {name: schema.parse(Record, row) for name, row in rows.items()}
    except (OSError, ValueError, AttributeError, RecursionError, EdgetlError):
        return {}
    return {name: record for name, record in records.items() if _is_sound(record)}


def _is_sound(record: Record) -> bool:
    """Returns whether `remember` can have written a record."""
    if record.error:
        return not (record.difference_hash or record.width or record.height)
    pixels = record.height * record.width if min(record.height, record.width) > 0 else 0
    hashed = _DIGEST.fullmatch(record.digest) and _HASH.fullmatch(record.difference_hash)
    return bool(hashed) and 0 < pixels <= MAX_PIXELS
