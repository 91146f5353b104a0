"""Builds a release: the folder with a bundle, the options of its run and a list of wheels that a device receives."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from edgetl.bundle import MANIFEST, Bundle
from edgetl.device.release.digests import env_digest, file_digests, release_digest
from edgetl.device.service.run_config import OptionValue, run_config_text
from edgetl.errors import ModelError
from edgetl.files import write_atomic
from edgetl.host.deploy.device_platform import DevicePlatform
from edgetl.host.deploy.read_facts import DeviceFacts
from edgetl.host.deploy.wheels import Wheel
from edgetl.manifest import REMEDY

_SCHEMA = 1


@dataclass(frozen=True, slots=True)
class Release:
    """A release on the workstation.

    Attributes:
        folder: the folder with `bundle/`, `run.toml` and `release.json`.
        digest: the digest that names the release.
        env: the digest that names its environment.
        name: the model's name.
        files: the SHA-256 of each file that the digest covers, by its path.
        wheels: the wheels of the environment.
    """

    folder: Path
    digest: str
    env: str
    name: str
    files: dict[str, str]
    wheels: tuple[Wheel, ...]

    @property
    def size(self) -> int:
        """The size of the bundle and the options, bytes."""
        return sum((self.folder / name).stat().st_size for name in self.files)


def write_release(
    folder: Path,
    bundle: Bundle,
    options: Mapping[str, OptionValue],
    platform: DevicePlatform,
    wheels: Sequence[Wheel],
) -> Release:
    """Writes a release into an empty folder.

    Args:
        folder: the folder.
        bundle: the bundle; each of its files is compared with its digest.
        options: the options of the run by their names without dashes; their paths are those on the device.
        platform: the device's system.
        wheels: the wheels of the environment.

    Raises:
        ModelError: a file of the bundle is missing or altered.
        UsageError: an option holds a password.
    """
    write_atomic(folder / "run.toml", run_config_text(options))
    for name in checked_files(bundle):
        (folder / "bundle" / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(bundle.folder / name, folder / "bundle" / name)
    env = env_digest({wheel.path.name: wheel.sha256 for wheel in wheels}, platform.python, platform.arch, platform.libc)
    files = file_digests(folder)
    digest = release_digest(files, env)
    name = bundle.manifest.card.name
    rows = {
        "schema": _SCHEMA,
        "digest": digest,
        "name": name,
        "bundle": f"{name}/{bundle.manifest.target}",
        "edgetl": version("edgetl"),
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "python": platform.python,
        "arch": platform.arch,
        "libc": platform.libc,
        "env": env,
        "wheels": [wheel.to_dict() for wheel in wheels],
    }
    write_atomic(folder / "release.json", json.dumps(rows, indent=2) + "\n")
    return Release(folder, digest, env, name, files, tuple(wheels))


def checked_files(bundle: Bundle) -> list[str]:
    """Returns the files of a bundle that its manifest names, after each was compared with its digest.

    Args:
        bundle: the bundle.

    Raises:
        ModelError: a file is missing or altered.
    """
    bundle.golden_frames()
    names = [MANIFEST, *(photo.file for photo in bundle.manifest.golden)]
    for variant in bundle.runnable:
        bundle.model_file(variant)
        if bundle.manifest.card.task == "detection":
            bundle.golden_boxes(variant)
        else:
            bundle.golden_scores(variant)
        names += [*variant.files, variant.golden]
    labels = bundle.folder / "labels.txt"  # has no digest
    if labels.is_file():
        _require_labels(labels, bundle.manifest.card.labels)
        names.append(labels.name)
    return list(dict.fromkeys(names))


def _require_labels(path: Path, labels: Sequence[str]) -> None:
    """Raises a ModelError if a file has another content than the labels, as a link to any other file has."""
    if path.read_bytes() != ("\n".join(labels) + "\n").encode():
        what = "labels.txt was altered: it differs from the labels in bundle.json"
        raise ModelError(what, where=str(path), remedy=REMEDY)


def stage_missing(release: Release, facts: DeviceFacts, folder: Path) -> Path:
    """Writes a folder with those parts of a release that a device lacks, and the list of those that it has.

    Args:
        release: the release.
        facts: what the device has.
        folder: an empty folder, in which a folder named after the release's digest is made.

    Returns:
        The folder to copy.
    """
    there = {(name, sha256) for files in facts.releases.values() for name, sha256 in files.items()}
    reuse = {name: sha256 for name, sha256 in release.files.items() if (name, sha256) in there}
    stage = folder / release.digest
    for name in ["release.json", *(name for name in release.files if name not in reuse)]:
        copy_file(release.folder / name, stage / name)
    for wheel in missing_wheels(release, facts):
        copy_file(wheel.path, stage / "wheels" / wheel.path.name)
    write_atomic(stage / "reuse.json", json.dumps(reuse))
    return stage


def missing_wheels(release: Release, facts: DeviceFacts) -> list[Wheel]:
    """Returns the wheels that a device must get for the environment of a release.

    Args:
        release: the release.
        facts: what the device has.
    """
    if release.env in facts.envs:
        return []
    return [wheel for wheel in release.wheels if facts.wheels.get(wheel.path.name) != wheel.sha256]


def copy_file(source: Path, path: Path) -> None:
    """Puts a file into a folder, as a link to the same content if both are on one disk.

    Args:
        source: the file.
        path: the new path, in a folder that is made if it isn't there.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        os.link(source, path)
    except OSError:
        shutil.copy2(source, path)
