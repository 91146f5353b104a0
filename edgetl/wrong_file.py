"""What a file is that should have been a model: the usual mix-ups, named."""

from __future__ import annotations

from pathlib import Path


def wrong_file(content: bytes) -> tuple[str, str] | None:
    """Says what was saved in place of a model; None where it is none of the usual mix-ups.

    Args:
        content: the file's content, of which the first 100 bytes are enough.

    Returns:
        What the file is, and what to do about it.
    """
    start = content[:100].lstrip()
    if start.startswith(b"version https://git-lfs"):
        return (
            "it is a Git LFS pointer, which stands for the file",
            "run `git lfs pull` in the clone, and copy it again",
        )
    if start[:15].lower().startswith((b"<!doctype html", b"<html")):
        return "it is a web page, saved in place of the file", "download the file itself, not the page that shows it"
    if start.startswith(b"PK\3\4"):
        return "it is a zip archive", "unpack it, and name the model inside"
    if start.startswith(b"\x89HDF"):
        return "it is a Keras model in HDF5", "convert it with edgetl convert --from FILE.h5"
    return None


def wrong_file_at(path: Path) -> tuple[str, str] | None:
    """Does what `wrong_file` does, for a file that is there."""
    with path.open("rb") as file:
        return wrong_file(file.read(100))
