"""Writes a release as one file for devices that something else manages, such as Ansible, Mender or balena."""

from __future__ import annotations

import shlex
import tempfile
from collections.abc import Mapping
from pathlib import Path

from edgetl.bundle import Bundle
from edgetl.device.release import bootstrap
from edgetl.device.service.run_config import OptionValue
from edgetl.files import friendly_os_errors, temporary_file, write_atomic
from edgetl.host.deploy.device_platform import DevicePlatform
from edgetl.host.deploy.extras import extras_of
from edgetl.host.deploy.report_step import report_step, size_text
from edgetl.host.deploy.run_files import FOLDER, RunFiles
from edgetl.host.deploy.tar_stream import pack
from edgetl.host.deploy.wheels import collect_wheels
from edgetl.host.deploy.write_release import Release, copy_file, write_release

_INSTALL = Path(bootstrap.__file__).parent / "install.sh"
"""The script that installs a release from the folder beside it."""


def write_archive(
    output: Path, bundle: Bundle, options: Mapping[str, OptionValue], platform: DevicePlatform, *, renew: bool = False
) -> str:
    """Writes a release with its wheels and an `install.sh` into a tar file.

    Files with secrets are not in it: it says which ones each device must have.

    Args:
        output: the tar file.
        bundle: the bundle.
        options: the options of the run by their names without dashes.
        platform: the devices' system.
        renew: whether to download the newest packages, even if earlier ones are kept on this machine.

    Returns:
        The release's digest.

    Raises:
        ModelError: the bundle was altered.
        UsageError: there are no wheels for the system, or an option holds a password.
        EdgetlError: the wheels can't be downloaded, or the file can't be written.
    """
    run = RunFiles.find(options)
    wheels = collect_wheels(platform, extras_of(bundle, options), renew=renew)
    with tempfile.TemporaryDirectory(prefix="edgetl-") as name, friendly_os_errors(output):
        folder = Path(name) / "edgetl-release"
        release = write_release(folder / "release", bundle, run.placed(), platform, wheels)
        for wheel in wheels:
            copy_file(wheel.path, folder / "release" / "wheels" / wheel.path.name)
        write_atomic(folder / "bootstrap.py", bootstrap.program())
        write_atomic(folder / "install.sh", _INSTALL.read_bytes())
        with temporary_file(output) as temporary:
            with temporary.open("wb") as stream:
                size = pack([folder], stream)
            temporary.chmod(0o644)
            temporary.replace(output)
    report_step("release", f"{release.digest} of {release.name!r} for {platform}: {size_text(size)}, {output}")
    _report_files(run, release)
    return release.digest


def _report_files(run: RunFiles, release: Release) -> None:
    for option, path in run.files.items():
        report_step("secret", f"put {shlex.quote(str(path))} onto each device as {FOLDER}/{option}, with mode 0600")
    if run.token:
        report_step("secret", f"put the page's token onto each device as {FOLDER}/token-file, with mode 0600")
