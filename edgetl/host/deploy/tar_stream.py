"""Packs files into a tar stream and unpacks one, for devices without rsync."""

from __future__ import annotations

import os
import shutil
import tarfile
from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from typing import IO

from edgetl.text import printable


def pack(paths: Sequence[Path], stream: IO[bytes]) -> int:
    """Writes files and folders as a tar archive, each under its own name; links are replaced by what they lead to.

    Args:
        paths: the files and folders.
        stream: the stream to write to.

    Returns:
        The number of bytes that were written.
    """
    with tarfile.open(fileobj=stream, mode="w|", dereference=True, format=tarfile.PAX_FORMAT) as archive:
        for path in paths:
            archive.add(path, path.name, filter=_anonymous)
    return archive.offset


def _anonymous(member: tarfile.TarInfo) -> tarfile.TarInfo:
    """Leaves out the user of the workstation, which means nothing on the device."""
    member.uid = member.gid = 0
    member.uname = member.gname = ""
    member.mode = 0o755 if member.isdir() else 0o644
    return member


def unpack(stream: IO[bytes], into: Path) -> tuple[int, str]:
    """Unpacks the regular files of a tar archive into a folder; links, devices and the like are left out.

    Each file appears whole or not at all.

    Args:
        stream: the stream to read from.
        into: the folder, which must exist.

    Returns:
        The number of bytes of the files, and what is wrong with the rest of the archive; empty if nothing is.
    """
    count = 0
    try:
        with tarfile.open(fileobj=stream, mode="r|") as archive:
            for member in archive:
                if member.isreg() and (content := archive.extractfile(member)) is not None:
                    if _leads_out(member.name):
                        return count, f"the device sent a file named {printable(member.name[:200])!r}"
                    path = into / member.name
                    path.parent.mkdir(parents=True, exist_ok=True)
                    part = path.with_name(f".{path.name}.part")
                    with part.open("wb") as file:
                        shutil.copyfileobj(content, file)
                    os.utime(part, (member.mtime, member.mtime))
                    part.replace(path)
                    count += member.size
    except (tarfile.TarError, EOFError) as error:
        return count, f"the files from the device are cut short: {error}"
    return count, ""


def _leads_out(name: str) -> bool:
    path = PurePosixPath(name)
    return path.is_absolute() or ".." in path.parts
