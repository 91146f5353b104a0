"""Lists the device's releases, and says which one is current and how it is doing."""

from __future__ import annotations

import shutil
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path

from edgetl.device.release.device_facts import current_digest
from edgetl.device.release.device_lock import holder_text, is_locked
from edgetl.device.release.digests import folders_of, read_release
from edgetl.device.release.history import is_proved, predecessor, read_history
from edgetl.device.release.make_env import COMPLETE
from edgetl.device.service.status import ServiceStatus
from edgetl.device.service.systemd import Systemd
from edgetl.errors import EdgetlError


def list_releases(root: Path) -> list[dict[str, object]]:
    """Returns the releases on this device, the newest first.

    Args:
        root: the folder `~/edgetl`.

    Returns:
        JSON-ready values of each: `digest`, `name`, `created`, `edgetl`, `bytes`, `current`, `previous` (whether a
        rollback returns to it), `proved`, `installed` (whether its environment is complete).
    """
    current = current_digest(root)
    previous = predecessor(root, current)
    rows = []
    for folder in folders_of(root / "releases"):
        with suppress(EdgetlError):
            release = read_release(folder)
            row: dict[str, object] = {"digest": folder.name, "name": release.name, "created": release.created}
            row |= {"edgetl": release.edgetl, "bytes": _size(folder), "current": folder.name == current}
            row |= {"previous": folder.name == previous, "proved": is_proved(root, folder.name)}
            rows.append(row | {"installed": (root / "envs" / release.env / COMPLETE).is_file()})
    return sorted(rows, key=lambda row: str(row["created"]), reverse=True)


def _size(folder: Path) -> int:
    return sum(path.lstat().st_size for path in folder.rglob("*") if path.is_file())


def device_status(root: Path) -> dict[str, object]:
    """Returns how the device is doing.

    Args:
        root: the folder `~/edgetl`.

    Returns:
        JSON-ready values: `current`, `previous` (digests or null), `proved` (whether the current release has passed
        its watch), `last` (the last switch or null), `locked_by` (a text or null), `free` (bytes), and `service` (the
        values of `edgetl service status`, or null).
    """
    current, history = current_digest(root), read_history(root)
    return {
        "current": current,
        "previous": predecessor(root, current),
        "proved": current is not None and is_proved(root, current),
        "last": asdict(history[-1]) if history else None,
        "locked_by": holder_text(root) if is_locked(root) else None,
        "free": shutil.disk_usage(root if root.is_dir() else root.parent).free,
        "service": _service(),
    }


def _service() -> dict[str, object] | None:
    with suppress(EdgetlError):
        systemd = Systemd.installed()
        return ServiceStatus.read(systemd).to_dict() if systemd else None
    return None
