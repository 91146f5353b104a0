"""Proves a release on the device before it may run: its digests, and the golden replay of every variant."""

from __future__ import annotations

import json
from pathlib import Path

from edgetl.device.release.deploy_log import DeployLog
from edgetl.device.release.device_lock import now
from edgetl.device.release.digests import Release, checked_release
from edgetl.device.verify.replay import require_all_ok, verify
from edgetl.device.verify.resampling import compare_pixels, require_same_pixels
from edgetl.errors import UsageError
from edgetl.files import write_atomic

_MARK = "verified.json"


def find_release(root: Path, digest: str) -> Release:
    """Returns a release that is on this device, after its files were compared with its digest.

    Args:
        root: the folder `~/edgetl`.
        digest: the release's digest.

    Raises:
        UsageError: there is no such release.
        ModelError: a file was altered.
    """
    folder = root / "releases" / digest
    if not folder.is_dir():
        raise UsageError(f"there is no release {digest} here", where=str(folder.parent), remedy="deploy it first")
    return checked_release(folder)


def prove(root: Path, digest: str, log: DeployLog) -> None:
    """Replays the golden photos with every variant that runs here, and notes in the release that all went well.

    Args:
        root: the folder `~/edgetl`.
        digest: the release's digest.
        log: the log, which gets a line for each variant.

    Raises:
        ModelError: a file was altered.
        GateError: a variant gives other results than on the workstation.
        UnloadableRuntimeError: no variant's runtime is installed.
    """
    find_release(root, digest)
    folder = root / "releases" / digest
    bundle = folder / "bundle"
    reports = verify(bundle)
    for report in reports:
        log.step("verify", str(report), variant=report.to_dict())
    require_all_ok(reports, bundle)
    pixels = compare_pixels(bundle)
    log.step("verify", str(pixels), variant=pixels.to_dict())
    require_same_pixels(pixels, bundle)
    variants = [report.variant for report in reports if report.ok]
    write_atomic(folder / _MARK, json.dumps({"time": now(), "variants": variants}) + "\n")


def require_proof(root: Path, digest: str, log: DeployLog) -> None:
    """Proves a release unless that was done on this device before.

    Args:
        root: the folder `~/edgetl`.
        digest: the release's digest.
        log: the log.

    Raises:
        UsageError: there is no such release.
        ModelError: a file was altered.
        GateError: a variant gives other results than on the workstation.
    """
    find_release(root, digest)
    if not (root / "releases" / digest / _MARK).is_file():
        prove(root, digest, log)
