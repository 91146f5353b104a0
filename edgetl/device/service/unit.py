"""Writes the text of the systemd unit that keeps `edgetl run` alive, confined to what a run needs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from edgetl.errors import UsageError
from edgetl.text import printable

_STEPS_SINCE = 254
"""The first version of systemd with restarts whose pauses grow; earlier ones have one pause."""

_RUNNING = """\
Restart=always
{pauses}
TimeoutStartSec=3min
TimeoutStopSec=60
KillMode=mixed
LimitCORE=0
StandardOutput=journal
StandardError=journal
SyslogIdentifier=edgetl
"""
_GROWING_PAUSES = "RestartSec=2\nRestartSteps=8\nRestartMaxDelaySec=5min"
_ONE_PAUSE = "RestartSec=10"

_DEVICES = (
    "char-video4linux rw",
    "char-media rw",
    "char-dma_heap rw",
    "char-drm rw",
    "char-gpiochip rw",
    "/dev/gpiomem rw",
    "/dev/vcio rw",
)
"""The devices that a run may open: cameras, a Raspberry Pi's camera and its buffers, the renderer, the pins, and the
firmware that says whether the clock is held down. A device that doesn't exist is ignored."""

_CONFINED = """\
NoNewPrivileges=yes
CapabilityBoundingSet=
AmbientCapabilities=
LockPersonality=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
RestrictNamespaces=yes
RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6 AF_NETLINK
SystemCallArchitectures=native
SystemCallFilter=@system-service
SystemCallFilter=~@privileged
SystemCallErrorNumber=EPERM
UMask=0027
"""
"""The directives that work in every manager. OpenVINO writes machine code at run time, so that memory which is both
writable and executable stays allowed."""

_MOUNTED = """\
ProtectSystem=strict
ProtectHome=read-only
ProtectKernelTunables=yes
ProtectKernelModules=yes
ProtectKernelLogs=yes
ProtectControlGroups=yes
ProtectClock=yes
ProtectHostname=yes
ProtectProc=invisible
PrivateTmp=yes
"""
"""The directives that need a file system of the service's own. `/proc` and `/sys` stay readable, where the processor,
the clock and the temperature are read."""


@dataclass(frozen=True, slots=True)
class Account:
    """The user that a service of the system runs as.

    Attributes:
        name: the user's name.
        groups: the groups that own devices and exist on this machine, such as `video`.
    """

    name: str
    groups: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Unit:
    """The facts that a unit states.

    Attributes:
        command: the program and its arguments; paths are absolute.
        folder: the folder `~/edgetl` of the service's user.
        systemd: the version of systemd.
        account: the user that it runs as; None for a unit of the user's own manager.
        watchdog: time without results after which systemd restarts the run, s.
        memory_max: the memory that the run may take, as systemd writes it, for example `75%` or `500M`.
        credentials: paths of files with secrets by the option of `edgetl run` that names them. The manager reads them,
            and the run gets copies that only it can read.
        writable: further folders that the run may write into.
        confines_mounts: whether the manager can give the service a file system of its own.
    """

    command: Sequence[str]
    folder: Path
    systemd: int
    account: Account | None = None
    watchdog: float = 60.0
    memory_max: str = "75%"
    credentials: Mapping[str, Path] = field(default_factory=dict)
    writable: tuple[Path, ...] = ()
    confines_mounts: bool = True

    def text(self) -> str:
        """Returns the text of the unit.

        Raises:
            UsageError: a path has a character that a unit can't hold.
        """
        return "\n".join([*self._head(), *self._service(), "[Install]", f"WantedBy={self._target}", ""])

    @property
    def _target(self) -> str:
        return "multi-user.target" if self.account else "default.target"

    def _head(self) -> Iterator[str]:
        yield "# Written by `edgetl service install`, which writes it again; put changes into `systemctl edit`."
        yield "[Unit]"
        yield "Description=edgetl: recognises what a camera sees"
        if self.account:  # the user's manager has no such targets
            yield "Wants=network-online.target"
            yield "After=network-online.target"
        yield "StartLimitIntervalSec=0\n"  # it never gives up for ever

    def _service(self) -> Iterator[str]:
        yield "[Service]"
        yield "Type=notify"
        yield "NotifyAccess=main"
        yield f"ExecStart={self._command_line()}"
        yield f"WorkingDirectory={_plain(self.folder)}"
        if self.account:
            yield f"User={_plain(self.account.name)}"
            if self.account.groups:
                yield f"SupplementaryGroups={' '.join(self.account.groups)}"
        cache = _quoted(f"EDGETL_CACHE={self.folder / 'cache'}")
        yield f"Environment=PYTHONUNBUFFERED=1 PYTHONFAULTHANDLER=1 {cache}"
        yield f"EnvironmentFile=-{_plain(self.folder / 'secrets' / 'environment')}"
        yield from (f"LoadCredential={name}:{_plain(path)}" for name, path in self.credentials.items())
        yield f"WatchdogSec={self.watchdog:.10g}"
        yield _RUNNING.format(pauses=_GROWING_PAUSES if self.systemd >= _STEPS_SINCE else _ONE_PAUSE) + (
            f"MemoryMax={self.memory_max}\n"
        )
        yield from self._confinement()

    def _command_line(self) -> str:
        """Returns the command, in which the options of secrets name the copies that systemd makes."""
        words = [_quoted(word, dollar=True) for word in self.command]
        copies = (f"--{name} %d/{name}" for name in self.credentials)
        return " ".join([*words, *copies])

    def _confinement(self) -> Iterator[str]:
        yield _CONFINED.rstrip()
        if self.account:
            yield "RemoveIPC=yes"
            yield "DevicePolicy=closed"
            yield from (f"DeviceAllow={device}" for device in _DEVICES)
        if not self.confines_mounts:
            yield ""
            return
        if not self.account:  # without it, a user's manager may not make such mounts
            yield "PrivateUsers=yes"
        yield _MOUNTED.rstrip()
        yield f"ReadWritePaths={' '.join(map(_path, (self.folder, *self.writable)))}"
        yield f"ReadOnlyPaths={' '.join(_path(self.folder / name) for name in ('envs', 'wheels'))}"
        home = self.folder.parent
        yield f"InaccessiblePaths={' '.join(_path(home / name) for name in ('.ssh', '.gnupg'))}\n"


def _plain(value: Path | str) -> str:
    """Returns a value that takes the rest of its line.

    Raises:
        UsageError: it has a control character.
    """
    text = str(value)
    if printable(text) != text:
        what = f"a unit of systemd can't hold the name {printable(text)}"
        raise UsageError(what, remedy="rename the file or folder")
    return text.replace("%", "%%")


def _quoted(word: str, *, dollar: bool = False) -> str:
    """Returns a word for a line of several words, in quotes if it needs some.

    Args:
        word: the word.
        dollar: whether the line replaces variables, as a command does.
    """
    text = _plain(word).replace("\\", "\\\\").replace('"', '\\"')
    text = text.replace("$", "$$") if dollar else text
    return text if text and text == word and not set(text) & set(" ;'") else f'"{text}"'


def _path(path: Path) -> str:
    """Returns a path for a list of paths, which is left out where it doesn't exist."""
    return _quoted(f"-{path}")
