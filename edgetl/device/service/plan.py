"""Plans a service: the unit and the file of the run's options, before anything is written."""

from __future__ import annotations

import os
import re
import stat
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from edgetl.argument_types import wrong_type
from edgetl.device.camera.address import PASSWORD as CAMERA_PASSWORD
from edgetl.device.measure.tune import AUTO
from edgetl.device.service.accounts import Owner, acting_as, missing_groups, owner_named, this_user
from edgetl.device.service.run_config import (
    SECRETS,
    OptionValue,
    run_config_text,
    with_absolute_paths,
    written_folders,
)
from edgetl.device.service.systemd import Systemd
from edgetl.device.service.unit import Unit
from edgetl.device.sinks.mqtt.address import PASSWORD as MQTT_PASSWORD
from edgetl.errors import EdgetlError, UsageError
from edgetl.find_bundle import find_bundle

_MEMORY = re.compile(r"\d+(\.\d+)?[KMGT%]?|infinity")
_OTHERS = stat.S_IRWXG | stat.S_IRWXO
"""The rights that a file with a secret gives to nobody but its owner."""
_SECONDS = 10.0
"""Time after which the trial of a namespace counts as failed, s."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceOptions:
    """What a service runs, and in which manager.

    Example:
        >>> import edgetl
        >>> edgetl.ServiceOptions(bundle="parts", user=True, run_options={"source": "0", "rate": 5}).watchdog
        60.0

    Attributes:
        bundle: the bundle's folder, a model file or a stored model's name; None takes the deployed release, which lies
            at `~/edgetl/current` with options of its own.
        user: whether the service belongs to the user's own manager rather than to the system's.
        account: the name of the user that a service of the system runs as; None takes the user who called sudo.
        run_options: the options of `edgetl run` by their names without dashes, for example `max-frames`.
        watchdog: time without results after which systemd restarts the run, s.
        memory_max: the memory that the run may take: a share such as `75%`, an amount such as `500M`, or `infinity`.

    Raises:
        UsageError: a value is out of its range.
    """

    bundle: Path | str | None = None
    user: bool = False
    account: str | None = None
    run_options: Mapping[str, OptionValue] = field(default_factory=dict)
    watchdog: float = 60.0
    memory_max: str = "75%"

    def __post_init__(self) -> None:
        if not isinstance(self.run_options, Mapping):
            raise wrong_type(self.run_options, "run_options", "a table of options")
        if not self.watchdog >= 1:
            raise UsageError(f"watchdog is {self.watchdog} s", remedy="choose 1 s or more")
        if not _MEMORY.fullmatch(self.memory_max):
            raise UsageError(f"memory_max is {self.memory_max!r}", remedy="write 75%, 500M or infinity")
        if self.user and self.account:
            raise UsageError("a service of the user's own runs as that user", remedy="leave the account out")
        if self.bundle is None and self.run_options:
            raise UsageError("the deployed release has options of its own", remedy="name a bundle, or leave them out")


@dataclass(frozen=True, slots=True)
class ServicePlan:
    """The files of a service, which are not written yet.

    Attributes:
        systemd: the manager that is to have the unit.
        owner: the user that the service runs as.
        unit_text: the text of the unit.
        config: the path of the file of the run's options; None if the deployed release has one.
        config_text: the text of that file.
        notes: what the user should know or do, in sentences.
    """

    systemd: Systemd
    owner: Owner
    unit_text: str
    config: Path | None = None
    config_text: str = ""
    notes: tuple[str, ...] = ()

    def __str__(self) -> str:
        files = [f"{self.systemd.unit_path}:\n\n{self.unit_text}"]
        if self.config is not None:
            files.append(f"{self.config}:\n\n{self.config_text}")
        return "\n".join([*files, *(f"note: {note}" for note in self.notes)])


def plan_service(options: ServiceOptions) -> ServicePlan:
    """Returns what `install_service` would write; writes nothing.

    Example:
        >>> import edgetl
        >>> plan = edgetl.plan_service(edgetl.ServiceOptions(bundle="parts", user=True))
        >>> "Type=notify" in plan.unit_text.splitlines()
        True

    Args:
        options: the bundle and the manager.

    Raises:
        UsageError: there is no such bundle or user, or a secret's file can be read by others.
        EdgetlError: this machine has no systemd, or the service's user can't read the bundle.
    """
    systemd = Systemd(user=options.user)
    systemd.require()
    owner = _owner(options)
    if options.bundle is None:
        return _plan_release(options, systemd, owner)
    bundle = find_bundle(options.bundle).absolute()
    run_options = with_absolute_paths(options.run_options, Path.cwd())
    secrets = {name: Path(str(run_options[name])) for name in SECRETS if name in run_options}
    _refuse_open_secrets([*secrets.values(), owner.folder / "secrets" / "environment"])
    credentials = {} if options.user else secrets
    config = owner.folder / "service" / "run.toml"
    command = [sys.executable, "-m", "edgetl", "run", str(bundle), "--config", str(config)]
    _require_access(owner, Path(sys.executable), bundle)
    writable = [*written_folders(run_options), *([bundle] if run_options.get("variant") == AUTO else [])]
    unit = _unit(options, systemd, owner, command, credentials, tuple(dict.fromkeys(writable)))
    text = run_config_text({name: value for name, value in run_options.items() if name not in credentials})
    return ServicePlan(systemd, owner, unit.text(), config, text, tuple(_notes(options, owner)))


def _plan_release(options: ServiceOptions, systemd: Systemd, owner: Owner) -> ServicePlan:
    """Plans the service of the deployed release, whose unit names `current` and stays when the release changes."""
    current = owner.folder / "current"
    if not (current / "run.toml").is_file():
        remedy = "deploy a release with `edgetl deploy`, or name a bundle"
        raise UsageError("no release is deployed on this machine", where=str(current), remedy=remedy)
    python = str(current / "env" / "bin" / "python")
    command = [python, "-m", "edgetl", "run", str(current / "bundle"), "--config", str(current / "run.toml")]
    _refuse_open_secrets([owner.folder / "secrets" / "environment"])
    unit = _unit(options, systemd, owner, command, {}, ())
    return ServicePlan(systemd, owner, unit.text(), notes=tuple(_notes(options, owner)))


def _owner(options: ServiceOptions) -> Owner:
    """Returns the user that the service runs as.

    Raises:
        UsageError: there is no such user, or it is root.
        EdgetlError: a service of the system is asked for without the rights of root.
    """
    if options.user:
        if os.geteuid() == 0:
            raise UsageError("a service of root's own would run as root", remedy="call edgetl without sudo for --user")
        return this_user()
    if os.geteuid() != 0:
        remedy = f"call `sudo {sys.executable} -m edgetl service install …`, or add --user for a service of your own"
        raise EdgetlError("a service of the system needs the rights of root", remedy=remedy)
    return owner_named(options.account)


def _unit(
    options: ServiceOptions,
    systemd: Systemd,
    owner: Owner,
    command: list[str],
    credentials: Mapping[str, Path],
    writable: tuple[Path, ...],
) -> Unit:
    return Unit(
        command=command,
        folder=owner.folder,
        systemd=systemd.version(),
        account=None if options.user else owner.account,
        watchdog=options.watchdog,
        memory_max=options.memory_max,
        credentials=credentials,
        writable=writable,
        confines_mounts=not options.user or _has_user_namespaces(),
    )


def _has_user_namespaces() -> bool:
    """Says whether a user's manager can give a service a file system of its own, which some systems don't allow."""
    try:
        done = subprocess.run(
            ["unshare", "--user", "--mount", "true"], capture_output=True, timeout=_SECONDS, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0


def _refuse_open_secrets(paths: list[Path]) -> None:
    """Raises a UsageError if a file with a secret can be read by other users of this machine."""
    for path in paths:
        if path.exists() and path.stat().st_mode & _OTHERS:
            what = "other users of this machine can read a file with a secret"
            raise UsageError(what, where=str(path), remedy=f"chmod 600 {path}")


def _require_access(owner: Owner, python: Path, bundle: Path) -> None:
    """Raises an EdgetlError if the service's user can't run Python, or can't read the bundle."""
    with acting_as(owner):
        runs = os.access(python, os.X_OK, effective_ids=True)
        reads = os.access(bundle, os.R_OK, effective_ids=True)
    if not runs or not reads:
        what = f"the user {owner.name} can't {'run Python' if not runs else 'read the bundle'}"
        remedy = f"put it into a folder that {owner.name} can read, such as {owner.folder}"
        raise EdgetlError(what, where=str(bundle if runs else python), remedy=remedy)


def _notes(options: ServiceOptions, owner: Owner) -> Iterator[str]:
    """Yields what the user should know or do."""
    for name in (MQTT_PASSWORD, CAMERA_PASSWORD):
        if name in os.environ:
            file = owner.folder / "secrets" / "environment"
            yield f"{name} is not passed on: write `{name}=…` into {file}, and make it readable by you alone"
    groups = missing_groups() if options.user else ()
    if groups:
        yield f"for cameras and pins: sudo usermod -aG {','.join(groups)} {owner.name}, then log in again"
