"""Points `current` at a release, by renames alone, so that there is a current release at every moment."""

from __future__ import annotations

from pathlib import Path

from edgetl.device.release.receive import sync_directory
from edgetl.files import friendly_os_errors

_BACK = ".back"
"""The name of a link to the earlier release, which is made before the switch, so that the way back needs no space."""


def point_to(root: Path, digest: str, back: str | None) -> None:
    """Makes a release the current one.

    Args:
        root: the folder `~/edgetl`.
        digest: the release's digest.
        back: the digest of the release that `point_back` returns to; None if there is none.

    Raises:
        EdgetlError: the disk is full; the current release is unchanged.
    """
    with friendly_os_errors(root):
        if back:
            _link(root / _BACK, back)
        else:
            (root / _BACK).unlink(missing_ok=True)
        _link(root / ".next", digest)
        (root / ".next").replace(root / "current")
        sync_directory(root)


def point_back(root: Path) -> None:
    """Makes the release current that `point_to` was called with as `back`; without one, there is no current release.

    Args:
        root: the folder `~/edgetl`.

    Raises:
        EdgetlError: the folder can't be written to.
    """
    with friendly_os_errors(root):
        if (root / _BACK).is_symlink():
            (root / _BACK).replace(root / "current")
        else:
            (root / "current").unlink(missing_ok=True)
        sync_directory(root)


def _link(link: Path, digest: str) -> None:
    link.unlink(missing_ok=True)
    link.symlink_to(f"releases/{digest}")
