"""What is known of each photo file: its content's digest, its size, its look, and what is wrong with it."""

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

import cv2
import numpy as np
from numpy.typing import NDArray
from platformdirs import user_cache_path

from edgetl import schema
from edgetl.card import InputSpec
from edgetl.device.camera.opencv_capture import quiet
from edgetl.errors import EdgetlError
from edgetl.files import read_regular, write_atomic
from edgetl.host.console import track
from edgetl.vision.arrays import Image
from edgetl.vision.photo import PhotoError, decode_sized, read_file
from edgetl.vision.photo_header import MAX_PIXELS

logger = logging.getLogger(__name__)

T = TypeVar("T")

HASH_SIDE = 16

_LASTING = frozenset({errno.EACCES, errno.EPERM, errno.EFBIG, errno.EINVAL, errno.ENOENT})
"""Errors that stay until the file's stamp changes; after any other one the file is read again the next time."""

_DIGEST = re.compile(r"[0-9a-f]{40}")
_LOOK = re.compile(r"[0-9a-f]{64}")
_MOST_INDEX_BYTES = 2**30
"""An index may have at most this many bytes: it takes about 200 for each photo."""


@dataclass(frozen=True, slots=True)
class Record:
    """One photo file.

    Attributes:
        stamp: size, modification and change time; another stamp means that the file must be read again.
        digest: BLAKE2b of its content.
        height: px, upright; 0 where it doesn't open.
        width: px, upright.
        look: 256-bit difference hash as hex: near duplicates differ in a few bits.
        error: why it doesn't open; empty where it does.
    """

    stamp: str
    digest: str
    height: int = 0
    width: int = 0
    look: str = ""
    error: str = ""


def cache_folder() -> Path:
    """Where decoded photos and what is known of them are kept: EDGETL_CACHE, or the user's cache folder."""
    return Path(os.environ.get("EDGETL_CACHE") or user_cache_path("edgetl"))


def inspect(root: Path, paths: Sequence[Path]) -> list[Record]:
    """Returns a record for each photo; only new and changed files are read.

    Args:
        root: the data set's folder, which the index belongs to.
        paths: photo files below it.
    """
    known = remembered(root, paths)
    stale = [i for i, record in enumerate(known) if record is None]
    fresh = parallel(lambda i: examine(paths[i], None)[0], stale, "Reading photos")
    for i, record in zip(stale, fresh, strict=True):
        known[i] = record
    records = [record for record in known if record is not None]
    if stale:
        try:
            remember(root, paths, records)
        except EdgetlError as error:  # what was read is good all the same
            logger.warning("the photos will be read again the next time: %s, %s", error.where, error.what)
    return records


def examine(path: Path, spec: InputSpec | None) -> tuple[Record, Image | None]:
    """Reads one photo; returns what is known of it and its frame, None where it doesn't open.

    Args:
        path: the file.
        spec: see `edgetl.vision.photo.read_photo`.
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
    return Record(stamp, digest, height, width, look_of(frame).tobytes().hex()), frame


def remembered(root: Path, paths: Sequence[Path], spec: InputSpec | None = None) -> list[Record | None]:
    """Returns the records of an earlier reading; None for each file that is new or has changed."""
    index = _load_index(_index_file(root, spec))
    found = [index.get(_key(root, path)) for path in paths]
    return [r if r is not None and r.stamp == _stamp(p) else None for p, r in zip(paths, found, strict=True)]


def remember(root: Path, paths: Sequence[Path], records: Sequence[Record], spec: InputSpec | None = None) -> None:
    """Keeps the records for the next time."""
    rows = {_key(root, path): dataclasses.asdict(record) for path, record in zip(paths, records, strict=True)}
    write_atomic(_index_file(root, spec), json.dumps(rows))


def parallel(work: Callable[[int], T], items: Sequence[int], what: str) -> list[T]:
    """Maps `work` over items on every core; OpenCV and hashlib let go of the interpreter's lock."""
    quiet()
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        try:
            return list(track(pool.map(work, items), what, len(items)))
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def fingerprint(rows: Iterable[str]) -> str:
    """Returns the SHA-256 of what a text each says of photos, in any order."""
    return hashlib.sha256("\n".join(sorted(rows)).encode()).hexdigest()


def look_of(frame: Image) -> NDArray[np.uint8]:
    """Returns a 256-bit difference hash, (32,) uint8: is each cell brighter than its left neighbour?"""
    grey = cv2.cvtColor(frame, cv2.COLOR_BGR2GRAY)
    small = cv2.resize(grey, (HASH_SIDE + 1, HASH_SIDE), interpolation=cv2.INTER_AREA)
    return np.packbits(small[:, 1:] > small[:, :-1])


def _stamp(path: Path) -> str:
    try:
        status = path.stat()
    except OSError:
        return ""
    return f"{status.st_size}-{status.st_mtime_ns}-{status.st_ctime_ns}"


def root_key(root: Path) -> str:
    """Returns a short name for a data set's folder among the cache's files."""
    return hashlib.blake2b(os.fsencode(root.resolve()), digest_size=8).hexdigest()


def _key(root: Path, path: Path) -> str:
    """A photo's name in the index: the same whether the data set was named by a relative path or an absolute one."""
    return os.path.relpath(path, root)


def _index_file(root: Path, spec: InputSpec | None) -> Path:
    """An index for each input size: a photo's look differs a little with the scale that it was decoded at."""
    scale = f"{spec.height}x{spec.width}" if spec else "full"
    return cache_folder() / f"index-{root_key(root)}-{scale}.json"


def _load_index(path: Path) -> dict[str, Record]:
    """Reads an index; one that isn't there, is damaged, or was written by another version counts as empty."""
    try:
        rows = json.loads(read_regular(path, _MOST_INDEX_BYTES))
        records = {name: schema.parse(Record, row) for name, row in rows.items()}
    except (OSError, ValueError, AttributeError, RecursionError, EdgetlError):
        return {}
    return {name: record for name, record in records.items() if _is_sound(record)}


def _is_sound(record: Record) -> bool:
    """Whether a record of the index can have been written by `remember`."""
    if record.error:
        return not (record.look or record.width or record.height)
    pixels = record.height * record.width if min(record.height, record.width) > 0 else 0
    return bool(_DIGEST.fullmatch(record.digest) and _LOOK.fullmatch(record.look)) and 0 < pixels <= MAX_PIXELS
