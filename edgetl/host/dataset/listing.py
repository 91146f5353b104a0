"""The files of a folder: photos and what is no photo. Links are followed; hidden files are not listed."""

from __future__ import annotations

import os
import stat
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from edgetl.errors import DatasetError
from edgetl.text import listed, printable
from edgetl.vision.photo import is_other_picture, is_photo

_OF_TOOLS = frozenset({"__MACOSX", "@eaDir", "__pycache__", "$RECYCLE.BIN", "System Volume Information", "lost+found"})
"""Folders that archivers and file servers make; their pictures are copies."""

ARCHIVES = frozenset({".zip", ".tar", ".gz", ".tgz", ".bz2", ".xz", ".7z", ".rar"})
"""Suffixes of files that hold other files, in lower case."""


@dataclass(slots=True)
class Files:
    """The visible files below a folder.

    Attributes:
        photos: those with a photo's suffix, ordered by path.
        pictures: those with the suffix of a picture that isn't read, such as HEIC.
        others: every other regular file.
        special: what is no regular file: FIFOs, sockets, devices, broken links, and folders listed before.
    """

    photos: list[Path] = field(default_factory=list)
    pictures: list[Path] = field(default_factory=list)
    others: list[Path] = field(default_factory=list)
    special: list[Path] = field(default_factory=list)

    def add(self, more: Files) -> None:
        """Adds the files of another folder."""
        self.photos += more.photos
        self.pictures += more.pictures
        self.others += more.others
        self.special += more.special


def require_folder(root: Path, remedy: str) -> None:
    """Passes if a data set's folder is there.

    Args:
        root: the folder.
        remedy: the advice if there is nothing of that name.

    Raises:
        DatasetError: it isn't there, is a file, or can't be looked at.
    """
    try:
        mode = root.stat().st_mode
    except (FileNotFoundError, NotADirectoryError) as error:
        raise DatasetError("there is no such folder", where=str(root), remedy=remedy) from error
    except (OSError, ValueError) as error:  # ValueError: a null byte in the name
        raise _unreadable(root, error) from error
    if not stat.S_ISDIR(mode):
        packed = root.suffix.lower() in ARCHIVES
        remedy = "unpack it, and give the folder" if packed else f"give its folder: {root.absolute().parent}"
        what = "this is a file, and the folder of a data set is wanted"
        raise DatasetError(what, where=str(root), remedy=remedy)


def subfolders(folder: Path) -> list[Path]:
    """Returns the visible folders in a folder, ordered by name.

    Raises:
        DatasetError: the folder can't be read.
    """
    return [Path(entry.path) for entry in _entries(folder) if _is_folder(entry)]


def loose_files(folder: Path) -> Files:
    """Returns the files that lie in a folder itself.

    Raises:
        DatasetError: the folder can't be read.
    """
    files = Files()
    for entry in _entries(folder):
        if not _is_folder(entry):
            _sort(entry, files)
    return files


def files_below(folder: Path) -> Files:
    """Returns the files in a folder and in those inside it.

    A folder that is linked twice is listed once, and a link to a folder above leads nowhere: its files would count as
    those of this one.

    Raises:
        DatasetError: a folder can't be read.
    """
    files, folders = Files(), [folder]
    seen = {_identity(above) for above in folder.absolute().parents}
    while folders:
        place = folders.pop()
        entries = _entries(place)
        if _identity(place) in seen:
            files.special.append(place)
            continue
        seen.add(_identity(place))
        for entry in entries:
            if _is_folder(entry):
                folders.append(Path(entry.path))
            else:
                _sort(entry, files)
    for rows in (files.photos, files.pictures, files.others, files.special):
        rows.sort()
    return files


def left_out(files: Files, root: Path) -> list[str]:
    """Returns a sentence for each kind of file that is no photo.

    Args:
        files: what was listed.
        root: the data set's folder, to name the files from.
    """
    notes = []
    if files.pictures:
        kinds = _kinds(files.pictures)
        notes.append(f"{kinds} pictures are left out; convert them to JPEG first: {some_names(files.pictures, root)}")
    if files.special:
        what = "FIFOs, sockets, devices, broken or repeated links"
        notes.append(f"{len(files.special)} files that are {what} are left out: {some_names(files.special, root)}")
    if files.others:
        what = f"{len(files.others)} files are no photos and are left out ({_kinds(files.others)})"
        notes.append(f"{what}: {some_names(files.others, root)}")
    return notes


def some_names(paths: Sequence[Path], root: Path) -> str:
    """Returns a few files' names below a folder, and how many more there are."""
    return listed([printable(path.relative_to(root)) for path in paths[:3]], total=len(paths))


def _kinds(paths: Sequence[Path]) -> str:
    counts = Counter(printable(path.suffix.lower()) or "without suffix" for path in paths)
    return listed([f"{count} {suffix}" for suffix, count in counts.most_common()], 5)


def _entries(folder: Path) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as found:
            entries = [entry for entry in found if not entry.name.startswith(".") and entry.name not in _OF_TOOLS]
    except OSError as error:
        raise _unreadable(folder, error) from error
    return sorted(entries, key=lambda entry: entry.name)


def _identity(folder: Path) -> tuple[int, int]:
    status = folder.stat()
    return status.st_dev, status.st_ino


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link to itself
        return False


def _is_file(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_file()
    except OSError:
        return False


def _sort(entry: os.DirEntry[str], files: Files) -> None:
    path = Path(entry.path)
    if not _is_file(entry):
        files.special.append(path)
    elif is_photo(path):
        files.photos.append(path)
    elif is_other_picture(path):
        files.pictures.append(path)
    else:
        files.others.append(path)


def _unreadable(folder: Path, error: OSError | ValueError) -> DatasetError:
    reason = error.strerror if isinstance(error, OSError) else str(error)
    return DatasetError(
        f"the folder can't be read: {reason}", where=str(folder), remedy="check its name and permissions"
    )
