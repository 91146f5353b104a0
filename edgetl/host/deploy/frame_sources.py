"""Where collected frames are fetched from: a folder of a device, or a folder of this machine such as an SD card."""

from __future__ import annotations

import re
import shutil
import tomllib
from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from typing import Protocol

from edgetl.errors import EdgetlError, UsageError
from edgetl.files import friendly_os_errors, sha256_of
from edgetl.host.deploy.collected_frame import FRAME_NAME
from edgetl.host.deploy.transport import Ssh
from edgetl.text import printable

_MOST_BYTES = 64 << 20
"""A file of a collected frame may have at most this many bytes; a JPEG file of 20 million pixels has 10 MB."""
_MISSING = "there is no such folder"
_LISTING = (
    f'cd -- "$1" 2>/dev/null || {{ echo "{_MISSING}"; exit 0; }}; '
    f"find . -maxdepth 1 -type f -size -{_MOST_BYTES >> 10}k -name '2*Z-*.*' -exec sha256sum {{}} +"
)
"""Lists the files of frames with their SHA-256, in words that GNU's and BusyBox's tools know."""
_DELETING = 'cd -- "$1" && xargs -0 rm -f --'
_LINE = re.compile(r"([0-9a-f]{64}) [ *]\./(.+)")
_RUN = "edgetl/current/run.toml"
"""The options of the deployed run, relative to the user's home on the device."""
_DEFAULT = "edgetl/collected"
"""The folder that is fetched if the deployed run names none, relative to the user's home on the device."""


class FrameSource(Protocol):
    """A folder of collected frames that can be listed, copied from, and emptied."""

    @property
    def shown(self) -> str:
        """The place, for messages."""

    def digests(self) -> dict[str, str]:
        """Returns the SHA-256 of each file of a frame, in hex, by its name.

        Raises:
            EdgetlError: there is no such folder, or it can't be reached.
        """

    def fetch(self, names: Sequence[str], into: Path) -> int:
        """Copies files into a folder and returns the number of bytes that came; some may be missing afterwards.

        Args:
            names: names of `digests`.
            into: the folder, which exists.
        """

    def delete(self, names: Sequence[str]) -> None:
        """Deletes files, in this order."""


class LocalFolder:
    """A folder of this machine with collected frames.

    Args:
        folder: the folder.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.shown = str(folder)

    def digests(self) -> dict[str, str]:
        """Returns the SHA-256 of each file of a frame, in hex, by its name; see `FrameSource`."""
        if not self._folder.is_dir():
            remedy = "name the folder that `edgetl run --collect` wrote"
            raise UsageError(_MISSING, where=self.shown, remedy=remedy)
        named = (path for path in self._folder.iterdir() if FRAME_NAME.fullmatch(path.name))
        files = (path for path in named if path.is_file() and not path.is_symlink())
        return {path.name: sha256_of(path) for path in sorted(files) if path.stat().st_size < _MOST_BYTES}

    def fetch(self, names: Sequence[str], into: Path) -> int:
        """Copies files into a folder; see `FrameSource`."""
        total = 0
        for name in names:
            with friendly_os_errors(into / name):
                shutil.copyfile(self._folder / name, into / name, follow_symlinks=False)
                total += (into / name).stat().st_size
        return total

    def delete(self, names: Sequence[str]) -> None:
        """Deletes files, in this order."""
        for name in names:
            with friendly_os_errors(self._folder / name):
                (self._folder / name).unlink(missing_ok=True)


class DeviceFolder:
    """A folder of a device with collected frames, reached through ssh.

    Args:
        ssh: the opened connection.
        folder: the folder, relative to the user's home there; None takes the one that the deployed run collects into.
    """

    def __init__(self, ssh: Ssh, folder: str | None = None) -> None:
        self._ssh = ssh
        self._folder = folder or _folder_of_run(ssh)
        self.shown = f"{ssh.host}:{self._folder}"

    def digests(self) -> dict[str, str]:
        """Returns the SHA-256 of each file of a frame, in hex, by its name; see `FrameSource`."""
        lines = self._ssh.run(["sh", "-c", _LISTING, "sh", self._folder]).splitlines()
        if lines == [_MISSING]:
            remedy = "name the folder with --remote, or collect with `edgetl run --collect DIR` on the device first"
            raise EdgetlError("nothing has been collected there", where=self.shown, remedy=remedy)
        found = filter(None, map(_LINE.fullmatch, lines))
        return {line[2]: line[1] for line in found if FRAME_NAME.fullmatch(line[2])}

    def fetch(self, names: Sequence[str], into: Path) -> int:
        """Copies files into a folder; see `FrameSource`."""
        return self._ssh.fetch(self._folder, into, names)

    def delete(self, names: Sequence[str]) -> None:
        """Deletes files, in this order."""
        self._ssh.run(["sh", "-c", _DELETING, "sh", self._folder], "".join(f"{name}\0" for name in names))


def _folder_of_run(ssh: Ssh) -> str:
    """Returns the folder that the deployed run collects into, relative to the user's home."""
    text = ssh.run(["sh", "-c", f"cat {_RUN} 2>/dev/null || true"])
    try:
        named = tomllib.loads(text).get("collect")
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        reason = printable(error)[:100]
        raise EdgetlError(f"the options of its run can't be read: {reason}", where=f"{ssh.host}:{_RUN}") from error
    if not isinstance(named, str):
        return _DEFAULT
    path = PurePosixPath(named.removeprefix("~/"))
    return str(path if path.is_absolute() or named.startswith("~/") else PurePosixPath("edgetl") / path)
