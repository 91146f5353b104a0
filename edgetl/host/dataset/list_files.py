"""Lists the files of a folder, sorted into photos and other kinds. Links are followed; hidden files are left out."""

from __future__ import annotations

import os
import stat
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from edgetl.errors import DatasetError
from edgetl.text import counted, listed, printable
from edgetl.vision.photo import is_other_picture, is_photo

_OF_TOOLS = frozenset({"__MACOSX", "@eaDir", "__pycache__", "$RECYCLE.BIN", "System Volume Information", "lost+found"})
"""Folders that archivers, file servers and operating systems make; their pictures are copies or thumbnails."""

PROPOSALS, PULLED = "proposed", ".pulled"
"""`edgetl pull` puts photos that nobody has labelled yet into the first of these folders, and its record into the
second, in the folder that it fetches into."""

ARCHIVES = frozenset({".zip", ".tar", ".gz", ".tgz", ".bz2", ".xz", ".7z", ".rar"})
"""Suffixes of files that hold other files, in lower case."""


@dataclass(slots=True)
class Files:
    """The visible files below a folder.

    Attributes:
        photos: the files with the suffix of a readable photo, ordered by path.
        pictures: the files with the suffix of a picture that can't be read, such as HEIC.
        others: all other regular files.
        special: the entries that are not regular files: FIFOs, sockets, devices, broken links, and folders that were
            listed before.
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
    """Passes if a data set's folder exists.

    Args:
        root: the folder.
        remedy: the advice if nothing has that name.

    Raises:
        DatasetError: the folder does not exist, is a file, or can't be read.
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
        what = "this is a file, and a data set is a folder"
        raise DatasetError(what, where=str(root), remedy=remedy)


def subfolders(folder: Path) -> list[Path]:
    """Returns the visible folders in a folder, ordered by name.

    Raises:
        DatasetError: the folder can't be read.
    """
    return [Path(entry.path) for entry in _entries(folder) if _is_folder(entry)]


def loose_files(folder: Path) -> Files:
    """Returns the files directly in a folder, without those in its subfolders.

    Raises:
        DatasetError: the folder can't be read.
    """
    files = Files()
    for entry in _entries(folder):
        if not _is_folder(entry):
            _add(entry, files)
    return files


def files_below(folder: Path) -> Files:
    """Returns the files in a folder and in its subfolders.

    A folder that is linked twice is listed once. A link to a folder above is not followed, because the files there
    would count as files of this folder.

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
                _add(entry, files)
    for rows in (files.photos, files.pictures, files.others, files.special):
        rows.sort()
    return files


def has_proposals(root: Path) -> bool:
    """Returns whether a folder holds photos that `edgetl pull` fetched into it and that wait to be labelled.

    Their classes and boxes are a model's own proposals, so they are never trained on together with the labelled photos
    around them.
    """
    return (root / PULLED).is_dir() and (root / PROPOSALS).is_dir()


def labelled_files_below(root: Path) -> Files:
    """Returns the files in a data set's folder and in its subfolders, without photos that wait to be labelled.

    Raises:
        DatasetError: a folder can't be read.
    """
    files = files_below(root)
    if has_proposals(root):
        for rows in (files.photos, files.pictures, files.others, files.special):
            rows[:] = [path for path in rows if not path.is_relative_to(root / PROPOSALS)]
    return files


def left_out(files: Files, root: Path) -> list[str]:
    """Returns a sentence for each kind of file that is not a readable photo.

    Args:
        files: the listed files.
        root: the data set's folder; the files are named by their paths below it.
    """
    notes = []
    if files.pictures:
        kinds = _kinds(files.pictures)
        notes.append(f"pictures left out ({kinds}), convert them to JPEG first: {some_names(files.pictures, root)}")
    if files.special:
        count, kinds = counted(len(files.special), "file"), "FIFOs, sockets, devices, broken or repeated links"
        notes.append(f"{count} left out ({kinds}): {some_names(files.special, root)}")
    if files.others:
        count = counted(len(files.others), "file")
        notes.append(f"{count} without a photo left out ({_kinds(files.others)}): {some_names(files.others, root)}")
    return notes


def some_names(paths: Sequence[Path], root: Path) -> str:
    """Returns the names of the first few files below a folder, and how many more there are."""
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


def _add(entry: os.DirEntry[str], files: Files) -> None:
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
