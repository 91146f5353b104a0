"""The functions behind `edgetl deploy` and `edgetl release`, for use from Python."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from edgetl.bundle import Bundle
from edgetl.device.service.run_config import OptionValue
from edgetl.errors import UsageError
from edgetl.find_bundle import find_bundle
from edgetl.host.deploy.deploy_options import DeployOptions
from edgetl.host.deploy.deployment import Deployment, deploy_to
from edgetl.host.deploy.device_platform import DevicePlatform
from edgetl.host.deploy.release_archive import write_archive
from edgetl.host.deploy.remote_device import Device, NoReleaseError, holder
from edgetl.host.deploy.report_step import report_steps
from edgetl.host.deploy.roll_out import RollOut, roll_out
from edgetl.host.deploy.run_files import RunFiles
from edgetl.host.deploy.transport import Ssh
from edgetl.host.deploy.write_release import checked_files
from edgetl.progress import Progress, receiver_of, reporting

BOOKWORM = DevicePlatform("3.11", "aarch64", "glibc 2.36")
"""The 64-bit Raspberry Pi OS Bookworm."""


def deploy(
    host: str,
    bundle: Path | str,
    run: Mapping[str, OptionValue] | None = None,
    *,
    options: DeployOptions | None = None,
    progress: Progress | None = None,
) -> Deployment:
    """Brings a bundle onto a device, proves it there, and makes it run; see `edgetl deploy`.

    Example:
        >>> import edgetl
        >>> try:
        ...     edgetl.deploy("pi hall", "parts", {"source": "0"})
        ... except edgetl.EdgetlError as error:
        ...     print(error.what)
        'pi hall' can't be the name of a device

    Args:
        host: the device as the ssh command takes it.
        bundle: the folder of a bundle, a stored model's name, or `NAME/TARGET`.
        run: the options of `edgetl run` by their names without dashes; the device's service has them.
        options: the options of the deployment; None takes the defaults.
        progress: the receiver of the steps; None prints nothing.

    Returns:
        The release that runs, and how many bytes were sent.

    Raises:
        UsageError: there is no such bundle, the device can't run edgetl, or another deployment is at work there.
        ModelError: the bundle was altered.
        GateError: the device does not compute what it must, or the run failed; the earlier release runs again.
        EdgetlError: the device can't be reached, or a step failed there.
    """
    opened, files = _opened(bundle), RunFiles.find(run or {})
    with reporting(receiver_of(progress)):
        return deploy_to(host, opened, files, options or DeployOptions())


def deploy_all(
    hosts: Sequence[str],
    bundle: Path | str,
    run: Mapping[str, OptionValue] | None = None,
    *,
    options: DeployOptions | None = None,
    parallel: int = 4,
    progress: Progress | None = None,
) -> RollOut:
    """Brings a bundle onto several devices: the first one is a canary, and if it fails, the others are left alone.

    Example:
        >>> import edgetl
        >>> print(edgetl.deploy_all(["pi hall", "pi@yard"], "parts"))
        pi hall  failed     'pi hall' can't be the name of a device
        pi@yard  not tried  the canary failed

    Args:
        hosts: the devices as the ssh command takes them.
        bundle: the folder of a bundle, a stored model's name, or `NAME/TARGET`.
        run: the options of `edgetl run` by their names without dashes.
        options: the options of the deployment; None takes the defaults.
        parallel: number of devices at once, after the first one.
        progress: the receiver of the steps; None prints nothing.

    Returns:
        The result of each device.

    Raises:
        UsageError: there is no such bundle, or no device is named.
        ModelError: the bundle was altered.
    """
    if not hosts:
        raise UsageError("no device is named", remedy="name one or more, such as pi@hall")
    opened, files, chosen = _opened(bundle), RunFiles.find(run or {}), options or DeployOptions()
    with reporting(receiver_of(progress)):
        return roll_out(hosts, lambda host: deploy_to(host, opened, files, chosen), parallel)


def rollback(host: str, *, progress: Progress | None = None) -> Mapping[str, object]:
    """Makes the release run that ran on a device before the current one; see `edgetl deploy --rollback`.

    Example:
        >>> import edgetl
        >>> try:
        ...     edgetl.rollback("pi hall")
        ... except edgetl.EdgetlError as error:
        ...     print(error.what)
        'pi hall' can't be the name of a device

    Args:
        host: the device as the ssh command takes it.
        progress: the receiver of the steps; None prints nothing.

    Returns:
        The digests: `release` is that of the release that runs now, `previous` that of the one before.

    Raises:
        UsageError: there is no earlier release.
        GateError: the earlier release gives no results.
        EdgetlError: the device can't be reached, or has no release.
    """
    return _command(host, progress, "rollback", "--holder", holder())


def releases(host: str) -> list[Mapping[str, object]]:
    """Returns the releases on a device, the newest first; see `edgetl deploy --list`.

    Example:
        >>> import edgetl
        >>> try:
        ...     edgetl.releases("pi hall")
        ... except edgetl.EdgetlError as error:
        ...     print(error.what)
        'pi hall' can't be the name of a device

    Args:
        host: the device as the ssh command takes it.

    Returns:
        JSON-ready values of each release, such as `digest`, `name`, `created`, `bytes`, `current` and `proved`.

    Raises:
        EdgetlError: the device can't be reached.
    """
    try:
        rows = _command(host, None, "list").get("releases", [])
    except NoReleaseError:
        return []
    return [row for row in rows if isinstance(row, dict)] if isinstance(rows, list) else []


def prune(host: str, keep: int, *, progress: Progress | None = None) -> Mapping[str, object]:
    """Removes old releases from a device, and what only they needed; see `edgetl deploy --prune`.

    Example:
        >>> import edgetl
        >>> try:
        ...     edgetl.prune("pi hall", 3)
        ... except edgetl.EdgetlError as error:
        ...     print(error.what)
        'pi hall' can't be the name of a device

    Args:
        host: the device as the ssh command takes it.
        keep: number of releases to keep; the current one and the one before always stay.
        progress: the receiver of the steps; None prints nothing.

    Returns:
        JSON-ready values: `removed` and `kept`, the digests of releases, and the removed `envs` and `wheels`.

    Raises:
        UsageError: `keep` is less than 1.
        EdgetlError: the device can't be reached, or has no release.
    """
    return _command(host, progress, "prune", str(keep), "--holder", holder())


def build_release(
    bundle: Path | str,
    output: Path | str,
    run: Mapping[str, OptionValue] | None = None,
    *,
    platform: DevicePlatform = BOOKWORM,
    renew: bool = False,
    progress: Progress | None = None,
) -> str:
    """Writes a release with an `install.sh` as a tar file; see `edgetl release`.

    Example:
        >>> import edgetl
        >>> try:
        ...     edgetl.build_release("parts", "release.tar", {"source": "rtsp://cam:secret@10.0.0.7/"})
        ... except edgetl.EdgetlError as error:
        ...     print(error.what)
        --source holds a password, which this file must not show

    Args:
        bundle: the folder of a bundle, a stored model's name, or `NAME/TARGET`.
        output: the tar file.
        run: the options of `edgetl run` by their names without dashes.
        platform: the devices' system.
        renew: whether to download the newest packages, even if earlier ones are kept on this machine.
        progress: the receiver of messages; None prints nothing.

    Returns:
        The release's digest.

    Raises:
        UsageError: there is no such bundle, there are no wheels for that system, or an option holds a password.
        ModelError: the bundle was altered.
        EdgetlError: the wheels can't be downloaded, or the file can't be written.
    """
    opened = _opened(bundle)
    with reporting(receiver_of(progress)):
        return write_archive(Path(output), opened, run or {}, platform, renew=renew)


def _opened(bundle: Path | str) -> Bundle:
    path = find_bundle(bundle)
    if path.is_file():
        remedy = "make a bundle with `edgetl convert`; it has the photos by which the device is checked"
        raise UsageError("a model file can't be deployed", where=str(path), remedy=remedy)
    opened = Bundle.open(path)
    checked_files(opened)  # before a device is asked
    return opened


def _command(host: str, progress: Progress | None, *words: str) -> Mapping[str, object]:
    with reporting(receiver_of(progress)), Ssh(host) as ssh:
        device = Device(ssh)
        return report_steps(device.release(device.env(), *words))
