"""Opens Keras files of unknown origin: the memory that the content would take is measured before it is read.

A Keras file holds a description in JSON, and weights in HDF5. A `.keras` file is a zip archive of both. Zip and HDF5
can both claim gigabytes in a few kilobytes, and HDF5 can refer to other files.
"""

from __future__ import annotations

import io
import math
import shutil
import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from edgetl.errors import ModelError
from edgetl.files import is_lfs_pointer
from edgetl.host.networks.untyped import HdfDataset, HdfGroup
from edgetl.wrong_file import wrong_file

CONFIG = "config.json"
"""The description's name inside a `.keras` file."""
WEIGHTS = "model.weights.h5"
"""The weights' name inside a `.keras` file."""

MOST_BYTES = 2 << 30
"""A model's content may take at most this many bytes; the largest classifiers that Keras publishes take 1.6 GB."""
_ALWAYS_BYTES = 100 << 20
"""A model's content may always take this many bytes, however small its file is."""
_MOST_EXPANSION = 20
"""A model's content may take this many times the size of its file, although Keras itself compresses nothing."""
_MOST_OBJECTS = 50_000
"""An HDF5 file may have at most this many groups and datasets; the largest networks have about 10,000."""
_DEEPEST = 40
"""HDF5 groups may be nested at most this deep; no network of Keras nests its layers that deep."""
_MOST_CONFIG_BYTES = 32 << 20
"""A description may have at most this many bytes; those of the largest networks have 2 MB."""
_COPY_AGAIN = "copy the file again from where it was made"
_PIECE = 1 << 20
"""An entry of an archive is unpacked in pieces of this many bytes, so that a false size is noticed in time."""


class OversizeError(ValueError):
    """A file's content would take more memory than a model needs."""


class OutsideError(ValueError):
    """A part of a file's content lies in another file."""


def require_content(path: Path) -> None:
    """Passes if a path is a regular file that isn't empty, a Git LFS pointer or a web page.

    A Git LFS pointer is the text that stands for a large file which hasn't been fetched.

    Raises:
        ModelError: the path is one of these.
    """
    if not path.is_file():  # to open a FIFO would wait for its writer
        what = "the model is not a regular file"
        raise ModelError(what, where=str(path), remedy="name a file that model.save() wrote")
    with path.open("rb") as file:
        start = file.read(100)
    if not is_lfs_pointer(start):
        _require_not_mistaken(path, start)
        return
    what = "the file is a Git LFS pointer, which stands for the model, and not the model"
    raise ModelError(what, where=str(path), remedy="run `git lfs pull` in its repository, or download the model")


def _require_not_mistaken(path: Path, start: bytes) -> None:
    """Refuses an empty file, and a file of another kind.

    Args:
        path: the file, for the error.
        start: the first 100 bytes of the file.
    """
    if not start:
        raise ModelError("the model's file is empty", where=str(path), remedy=_COPY_AGAIN)
    if start[4:8] == b"TFL3":
        what = "the file is a .tflite model, but its name says otherwise"
        raise ModelError(what, where=str(path), remedy="give it a name that ends in .tflite")
    found = None if start.startswith((b"PK", b"\x89HDF")) else wrong_file(start)
    if found:
        raise ModelError(found[0], where=str(path), remedy=found[1])


def most_bytes(path: Path) -> int:
    """Returns the number of bytes that the content of a file may take."""
    return min(MOST_BYTES, max(_ALWAYS_BYTES, _MOST_EXPANSION * path.stat().st_size))


def read_config(path: Path) -> bytes:
    """Returns the description in a `.keras` file, as JSON.

    Raises:
        OversizeError: the description is too large.
        KeyError: there is no description. Other errors of `zipfile` mean that the file is damaged.
    """
    with zipfile.ZipFile(path) as archive:
        return _read(archive, CONFIG, _MOST_CONFIG_BYTES)


@contextmanager
def plain_archive(path: Path) -> Iterator[Path]:
    """Yields a `.keras` file whose content isn't compressed: the file itself, or a copy of it.

    Raises:
        OversizeError: the content is too large.
        ValueError: the content is compressed in a way that Keras never uses. Errors of `zipfile` mean that the file is
            damaged.
    """
    with zipfile.ZipFile(path) as archive:
        _check_archive(archive, path)
        if all(entry.compress_type == zipfile.ZIP_STORED for entry in archive.infolist()):
            yield path
            return
        with tempfile.TemporaryDirectory() as folder:
            copy = Path(folder) / "model.keras"
            with zipfile.ZipFile(copy, "w") as plain:
                for entry in archive.infolist():
                    plain.writestr(entry.filename, _read(archive, entry.filename, entry.file_size))
            yield copy


@contextmanager
def open_weights(path: Path) -> Iterator[HdfGroup]:
    """Opens the HDF5 content of a Keras file, after its size and its links are checked.

    Args:
        path: the `.h5` or `.keras` file.

    Raises:
        OversizeError: the content is too large.
        OutsideError: a part of the content lies in another file.
        OSError: the file is damaged. KeyError, RuntimeError, ValueError and errors of `zipfile` mean the same.
    """
    import h5py

    stream: object = path
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            _check_archive(archive, path)
            stream = io.BytesIO(_read(archive, WEIGHTS, most_bytes(path)))
    with h5py.File(stream, "r") as file:
        _check_hdf5(file, most_bytes(path))
        yield file


@contextmanager
def named(path: Path, name: str) -> Iterator[Path]:
    """Yields a link to a file under another name, because Keras recognises the format by the name."""
    with tempfile.TemporaryDirectory() as folder:
        link = Path(folder) / name
        try:
            link.symlink_to(path.resolve())
        except OSError:  # the file system or the user can't make links
            shutil.copy(path, link)
        yield link


def _check_archive(archive: zipfile.ZipFile, path: Path) -> None:
    entries = archive.infolist()
    if odd := next((e for e in entries if e.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)), None):
        raise ValueError(f"{odd.filename} is compressed in a way that Keras doesn't use")
    _require_bounded(sum(entry.file_size for entry in entries), most_bytes(path))


def _read(archive: zipfile.ZipFile, name: str, most: int) -> bytes:
    """Reads an entry piece by piece; all at once, zipfile would unpack more than the directory states."""
    _require_bounded(archive.getinfo(name).file_size, most)
    with archive.open(name) as file:
        return b"".join(iter(lambda: file.read(_PIECE), b""))


def _require_bounded(size: int, most: int) -> None:
    if size > most:
        raise OversizeError(f"its content would take {size / 1e6:,.0f} MB, {most / 1e6:,.0f} MB are allowed")


def _check_hdf5(file: HdfGroup, most: int) -> None:
    """Measures every dataset without reading it, and refuses links to other files and compressed content.

    Raises:
        OversizeError: the datasets together are too large, or there are too many of them.
        OutsideError: a link, or a dataset's content, leads to another place.
        ValueError: a dataset is compressed.
    """
    import h5py

    total, seen, groups = 0, set(), [(file, 0)]
    while groups:
        group, depth = groups.pop()
        for name in group:
            if not isinstance(group.get(name, getlink=True), h5py.HardLink):
                raise OutsideError(f"{group.name}/{name} is a link to another place")
            item = group[name]
            place = h5py.h5o.get_info(item.id).addr
            if place in seen:
                continue
            seen.add(place)
            if len(seen) > _MOST_OBJECTS or depth > _DEEPEST:
                raise OversizeError(
                    f"it has more than {_MOST_OBJECTS:,} objects, or groups nested more than {_DEEPEST} deep"
                )
            if isinstance(item, h5py.Group):
                groups.append((item, depth + 1))
            elif isinstance(item, h5py.Dataset):
                total += _measured(item)
                _require_bounded(total, most)


def _measured(dataset: HdfDataset) -> int:
    """Returns the bytes that a dataset takes, or one chunk of it if that is more."""
    if dataset.external or dataset.is_virtual:
        raise OutsideError(f"the content of {dataset.name} lies in another file")
    if dataset.id.get_create_plist().get_nfilters():
        raise ValueError(f"{dataset.name} is compressed, which Keras never does")
    chunk = int(dataset.dtype.itemsize) * math.prod(int(length) for length in dataset.chunks or ())
    return max(int(dataset.nbytes) if dataset.shape is not None else 0, chunk)
