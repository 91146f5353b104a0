"""Finds the files that the options of a run name on the workstation, and gives them places on the device."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from edgetl.device.service.run_config import SECRETS, OptionValue, run_config_text
from edgetl.errors import UsageError
from edgetl.files import local_path

FOLDER = "~/edgetl/secrets"
"""The folder on a device for the files that a run reads, with access for its user alone."""
_READ = (*SECRETS, "mqtt-ca", "tls-cert")
"""The options that name a file which the run reads."""
_LOCAL = ("127.0.0.1", "localhost", "::1")
_LARGEST = 1 << 20
"""A file that an option names has at most this many bytes: a larger one was named by mistake."""


@dataclass(frozen=True, slots=True)
class RunFiles:
    """The files of the workstation that the options of a run name.

    Attributes:
        options: the options by their names without dashes, as the user gave them.
        files: the files that go to the device, by the option.
        token: whether the page needs a token that is made on the device, because other machines can open it.
    """

    options: Mapping[str, OptionValue]
    files: dict[str, Path]
    token: bool

    @classmethod
    def find(cls, options: Mapping[str, OptionValue]) -> RunFiles:
        """Finds the files; a path that begins with `~/edgetl/secrets/` is one on the device already.

        Args:
            options: the options by their names without dashes.

        Raises:
            UsageError: a file that an option names doesn't exist or is too large, or an option holds a password.
        """
        run_config_text(options)
        named = {name: str(options[name]) for name in _READ if name in options}
        files = {name: _file(name, path) for name, path in named.items() if not path.startswith(f"{FOLDER}/")}
        return cls(options, files, "token-file" not in options and _is_open(options.get("serve")))

    def placed(self, names: Mapping[str, str] | None = None) -> dict[str, OptionValue]:
        """Returns the options of the run on the device, where nobody reads each result, and a camera may come late.

        Args:
            names: the names in `FOLDER` of the files by their options; None takes the options' names.
        """
        made = [*self.files, *(["token-file"] if self.token else [])]
        paths = {name: f"{FOLDER}/{(names or {}).get(name, name)}" for name in made}
        return {**self.options, **paths, "quiet": True, "wait": True}


def _file(name: str, value: str) -> Path:
    path = local_path(value)
    if not path.is_file() or path.stat().st_size > _LARGEST:
        what = "there is no such file" if not path.is_file() else "this file is too large"
        remedy = f"name a file on this machine, which is copied, or one on the device as {FOLDER}/NAME"
        raise UsageError(f"--{name}: {what}", where=value, remedy=remedy)
    return path


def _is_open(serve: OptionValue | None) -> bool:
    """Returns whether other machines can open the page, so that it needs a token."""
    host, colon, _ = str(serve or "").rpartition(":")
    return bool(colon) and host.strip("[]") not in _LOCAL
