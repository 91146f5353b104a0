"""The cache of decoded photos: a memory-mapped uint8 file, keyed by content, that the device's preprocessing fills."""

from __future__ import annotations

import hashlib
import io
import json
import math
import os
from collections.abc import Sequence
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path

import cv2
import numpy as np

from edgetl.card import InputSpec
from edgetl.files import friendly_os_errors, remove_leftovers, temporary_file
from edgetl.host.dataset.photos import (
    Record,
    cache_folder,
    parallel,
    read_record,
    remember,
    remembered,
    root_key,
)
from edgetl.vision.arrays import Image
from edgetl.vision.preprocess import Preprocessor


def load_pixels(root: Path, paths: Sequence[Path], spec: InputSpec) -> tuple[list[Record], Image]:
    """Returns the record and the pixels of each photo, from the cache if no photo has changed.

    Args:
        root: the data set's folder.
        paths: N photo files below `root`.
        spec: the model's input.

    Returns:
        The N records, and the pixels, (N, height, width, 3) uint8 in the model's channel order, memory-mapped and
        read-only; a photo that can't be read is all zeros.

    Raises:
        EdgetlError: the disk is full or the cache can't be written.
    """
    made_by = _digest([asdict(spec), version("edgetl"), cv2.__version__])  # another version may decode differently
    folder = cache_folder() / f"pixels-{root_key(root)}-{made_by}"
    known = [record for record in remembered(root, paths, spec) if record is not None]
    if len(known) == len(paths):
        file = folder / f"{_content_key(known)}.npy"
        pixels = _open(file, (len(paths), spec.height, spec.width, 3))
        if pixels is not None:
            return known, pixels
    with friendly_os_errors(folder):
        return _decode(root, paths, spec, folder)


def _decode(root: Path, paths: Sequence[Path], spec: InputSpec, folder: Path) -> tuple[list[Record], Image]:
    shape = (len(paths), spec.height, spec.width, 3)
    for other in cache_folder().glob("pixels-*"):  # an unfinished cache file may take gigabytes
        remove_leftovers(other)
    with temporary_file(folder / "pixels", ".npy") as temporary:
        pixels = np.lib.format.open_memmap(temporary, mode="w+", dtype=np.uint8, shape=shape)
        _reserve(temporary)

        def decode(i: int) -> Record:
            record, frame = read_record(paths[i], spec)
            if frame is not None:
                Preprocessor(spec)(frame, pixels[i])
            return record

        records = parallel(decode, range(len(paths)), "Decoding photos")
        pixels.flush()
        file = folder / f"{_content_key(records)}.npy"
        # Another command may write the same file at the same time, and may remove the outdated files first.
        for outdated in folder.glob("[!.]*.npy"):
            if outdated != file:
                outdated.unlink(missing_ok=True)
        written = np.load(temporary, mmap_mode="r")
        temporary.replace(file)
    remember(root, paths, records, spec)
    return records, written


def _open(file: Path, shape: tuple[int, ...]) -> Image | None:
    """Opens cached pixels; returns None if the file is missing or differs from what `open_memmap` writes.

    Args:
        file: the cache file.
        shape: the expected shape, (N, height, width, 3); the values are uint8.
    """
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(header, {"descr": "|u1", "fortran_order": False, "shape": shape})
    start = header.getvalue()
    try:
        if not file.is_file() or file.stat().st_size != len(start) + math.prod(shape):
            return None
        with file.open("rb") as stream:
            if stream.read(len(start)) != start:
                return None
        return np.memmap(file, np.uint8, mode="r", offset=len(start), shape=shape)
    except (OSError, ValueError):
        return None


def _reserve(file: Path) -> None:
    """Allocates the disk space: a full disk raises an error here, but kills a process that writes to the map."""
    if hasattr(os, "posix_fallocate"):
        with file.open("r+b") as stream:
            os.posix_fallocate(stream.fileno(), 0, file.stat().st_size)


def _content_key(records: Sequence[Record]) -> str:
    return _digest([record.digest for record in records])


def _digest(value: object) -> str:
    return hashlib.blake2b(json.dumps(value).encode(), digest_size=10).hexdigest()
