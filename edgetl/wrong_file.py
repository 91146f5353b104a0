"""Recognises files that are often taken for a model by mistake, and names the remedy."""

from __future__ import annotations

from pathlib import Path


def wrong_file(content: bytes) -> tuple[str, str] | None:
    """Recognises a file that was saved or copied in place of a model.

    Args:
        content: the file's content, or at least its first 100 bytes.

    Returns:
        A description of the file and the remedy; None if it is none of the usual mistakes.
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
    """Recognises a file on the disk, see `wrong_file`.

    Args:
        path: the file.
    """
    with path.open("rb") as file:
        return wrong_file(file.read(100))
