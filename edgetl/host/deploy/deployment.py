"""Deploys a bundle to one device, step by step: check, copy, install, verify, tune, switch, watch."""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from edgetl.bundle import Bundle
from edgetl.device.service.run_config import OptionValue
from edgetl.errors import EdgetlError, UsageError
from edgetl.host.deploy.deploy_options import DeployOptions
from edgetl.host.deploy.extras import extras_of
from edgetl.host.deploy.put_secrets import put_secrets
from edgetl.host.deploy.read_facts import DeviceFacts
from edgetl.host.deploy.remote_device import Device, env_folder, holder
from edgetl.host.deploy.report_step import report_step, report_steps, size_text
from edgetl.host.deploy.requirements import oldest_python
from edgetl.host.deploy.run_files import RunFiles
from edgetl.host.deploy.ssh_errors import NoConnectionError, RemoteError
from edgetl.host.deploy.transport import Ssh
from edgetl.host.deploy.wheels import collect_wheels, own_wheel
from edgetl.host.deploy.write_release import Release, missing_wheels, stage_missing, write_release
from edgetl.text import counted, printable

_UNPACKED = 4
"""An environment takes at most this many times the space of its wheels, which are kept beside it."""


@dataclass(frozen=True, slots=True)
class Deployment:
    """The result of a deployment to one device.

    Example:
        >>> import edgetl
        >>> print(edgetl.Deployment("pi@hall", "9a52c1d07ce5b1f6", None, 109_200_000, 58.0, switched=True))
        pi@hall runs release 9a52c1d07ce5b1f6; 109.2 MB sent, 58 s

    Attributes:
        host: the device, as the user named it.
        release: the digest of the release.
        previous: the digest of the release that ran before; None if there was none.
        sent_bytes: the number of bytes that were copied.
        seconds: the time that it took, s.
        switched: whether the release runs now; False after a dry run.
    """

    host: str
    release: str
    previous: str | None
    sent_bytes: int
    seconds: float
    switched: bool

    def to_dict(self) -> dict[str, object]:
        """Returns JSON-ready values."""
        return asdict(self)

    def require_all(self) -> None:
        """Does nothing: a deployment that failed raised its error."""

    def __str__(self) -> str:
        if not self.switched:
            return f"{self.host}: nothing was changed"
        return f"{self.host} runs release {self.release}; {size_text(self.sent_bytes)} sent, {self.seconds:.0f} s"


def deploy_to(host: str, bundle: Bundle, run: RunFiles, options: DeployOptions) -> Deployment:
    """Deploys a bundle to a device; see `edgetl deploy`.

    Args:
        host: the device, as the ssh command takes it.
        bundle: the bundle.
        run: the options of the run and their files.
        options: the options of the deployment.

    Raises:
        UsageError: the device can't run edgetl, or another deployment is at work there.
        ModelError: the bundle was altered.
        GateError: the device does not compute what it must, or the run failed; the earlier release runs again.
        EdgetlError: the device can't be reached, or a step failed there.
    """
    began = time.monotonic()
    with Ssh(host) as ssh, tempfile.TemporaryDirectory(prefix="edgetl-") as folder:
        device = Device(ssh)
        facts = _check(device)
        names = {} if options.dry_run else put_secrets(ssh, run)
        release = _build(Path(folder) / "release", bundle, run.placed(names), facts, options)
        stage = stage_missing(release, facts, Path(folder))
        _describe_copy(release, facts, stage)
        if options.dry_run:
            return Deployment(host, release.digest, facts.current, 0, time.monotonic() - began, switched=False)
        sent = _copy(device, release, facts, stage)
        _install(device, release, ",".join(extras_of(bundle, run.options)) if options.online else "")
        _prove(device, release, tune=options.tune)
        own = facts.systemd.get("user", False) and not facts.root
        _switch(device, release, options.watch, options.service or ("user" if own else "system"))
        if run.token:
            report_step("switch", f"`ssh {host} 'cat ~/edgetl/secrets/token-file'` shows the page's token")
    return Deployment(host, release.digest, facts.current, sent, time.monotonic() - began, switched=True)


def _check(device: Device) -> DeviceFacts:
    facts = device.facts()
    where = device.ssh.host
    platform = facts.platform(oldest_python(own_wheel()))
    runs = f"release {facts.current} runs" if facts.current else "no release runs"
    report_step("check", f"{facts.host}: {platform}; {size_text(facts.free)} free; {runs}")
    if not any(facts.systemd.values()):
        remedy = "install a system with systemd, such as Raspberry Pi OS, or use `edgetl release`"
        raise UsageError("no systemd answers on the device, so nothing could start the run", where=where, remedy=remedy)
    if facts.locked_by:
        what = f"another deployment is at work there: {printable(facts.locked_by)}"
        raise UsageError(what, where=where, remedy="wait until it has ended, and try again")
    return facts


def _build(
    folder: Path, bundle: Bundle, run: Mapping[str, OptionValue], facts: DeviceFacts, options: DeployOptions
) -> Release:
    platform = facts.platform(oldest_python(own_wheel()))
    extras = () if options.online else extras_of(bundle, run)
    return write_release(folder, bundle, run, platform, collect_wheels(platform, extras, renew=options.renew))


def _describe_copy(release: Release, facts: DeviceFacts, stage: Path) -> None:
    """Says what the device lacks, and refuses if it has no room for that.

    Raises:
        UsageError: the device's disk is too full.
    """
    wheels = missing_wheels(release, facts)
    files = [path for path in stage.rglob("*") if path.is_file()]
    size = sum(path.stat().st_size for path in files)
    parts = f"{counted(len(release.files), 'file')}, {size_text(release.size)}; "
    parts += f"{counted(len(release.wheels), 'wheel')}, {size_text(sum(wheel.bytes for wheel in release.wheels))}"
    missing = f"missing there: {size_text(size)} with {counted(len(wheels), 'wheel')}"
    report_step("copy", f"{release.name!r} is release {release.digest}: {parts}; {missing}")
    room = size + _UNPACKED * sum(wheel.bytes for wheel in wheels)
    if room > facts.free:
        what = f"the device has {size_text(facts.free)} free, and the release needs {size_text(room)}"
        raise UsageError(
            what, where=facts.host, remedy="free some space there; `edgetl deploy --prune 1` removes releases"
        )


def _copy(device: Device, release: Release, facts: DeviceFacts, stage: Path) -> int:
    if facts.releases.get(release.digest) == release.files and not missing_wheels(release, facts):
        report_step("copy", "everything is there: nothing was sent")
        return 0
    sent = device.ssh.send([stage], "edgetl/incoming")
    device.prepare("receive", release.digest)
    report_step("copy", f"{size_text(sent)} sent, and checked there")
    return sent


def _install(device: Device, release: Release, online: str) -> None:
    answer = device.prepare("env", release.digest, *(["--online", online] if online else []))
    already = "is there already" if answer.get("already") else "was made"
    report_step("install", f"environment {release.env} {already}")
    for row in _checks(device, env_folder(release.env)):
        report_step("install", f"doctor: {row.get('name')}: {row.get('found')}; {row.get('remedy')}")


def _checks(device: Device, env: str) -> list[Mapping[str, object]]:
    """Returns the warnings of the device's doctor.

    Raises:
        EdgetlError: a part is missing there without which no model runs.
    """
    try:
        rows, failed = json.loads(device.run(env, "doctor", "--json")), False
    except RemoteError as error:
        rows, failed = json.loads(error.output or "[]"), True
    found = [row for row in rows if row.get("state") in ("warning", "missing")]
    missing = [row for row in found if row.get("state") == "missing"]
    if failed or missing:
        row = missing[0] if missing else {"found": "`edgetl doctor` fails there"}
        raise EdgetlError(printable(row.get("found")), where=device.ssh.host, remedy=printable(row.get("remedy", "")))
    return found


def _prove(device: Device, release: Release, *, tune: bool) -> None:
    report_steps(device.release(env_folder(release.env), "verify", release.digest))
    if tune:
        device.run(env_folder(release.env), "tune", f"edgetl/releases/{release.digest}/bundle")
        report_step("tune", "the variants were measured; `--variant auto` takes the fastest")


def _switch(device: Device, release: Release, watch: float, service: str) -> None:
    words = ["switch", release.digest, "--watch", f"{watch:g}", "--install", service, "--holder", holder()]
    try:
        report_steps(device.release(env_folder(release.env), *words))
    except KeyboardInterrupt:
        report_step("switch", f"the device goes on by itself; see `edgetl deploy --list {device.ssh.host}`")
        raise
    except NoConnectionError as error:
        error.remedy = f"the device goes on by itself; see `edgetl deploy --list {device.ssh.host}` when it is back"
        raise
