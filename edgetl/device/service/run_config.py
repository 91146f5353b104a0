"""Reads and writes `run.toml`: the options of a run, under their names on the command line without the dashes."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from edgetl.device.camera.address import holds_password, without_password
from edgetl.errors import UsageError
from edgetl.files import local_path, read_regular
from edgetl.schema import SchemaError, parse_toml, to_toml
from edgetl.text import printable

OptionValue = str | int | float | bool | list[str]
"""The value of an option: a list if the option may be repeated, True for a flag."""

SECRETS = ("camera-password-file", "mqtt-password-file", "tls-key", "token-file")
"""The options that name a file with a secret."""
OUTPUTS = ("collect", "events", "jsonl", "save")
"""The options that name a file or a folder which the run writes."""
PATHS = (*SECRETS, *OUTPUTS, "labels", "mqtt-ca", "tls-cert")
"""The options that name a file or a folder."""
_LARGEST = 64 << 10
"""The file may have at most this many bytes; all options together need a tenth."""
_REMEDY = "see `edgetl run --help` for the options; a key is an option's name without its dashes"


def read_run_config(path: Path) -> dict[str, OptionValue]:
    """Returns the options in a file by their names.

    Args:
        path: the file.

    Raises:
        UsageError: the file can't be read, isn't TOML, or has a value of a type that no option has.
    """
    try:
        found = parse_toml(read_regular(local_path(path), _LARGEST))
    except OSError as error:
        what = f"the options can't be read: {error.strerror}"
        raise UsageError(what, where=str(path), remedy="name a TOML file with --config") from error
    except SchemaError as error:
        raise UsageError(f"this is not TOML: {error}", where=str(path), remedy=_REMEDY) from error
    return {key: _checked(key, value, path) for key, value in found.items()}


def _checked(key: str, value: object, path: Path) -> OptionValue:
    """Returns a value of the file if it has a type that an option may have."""
    if isinstance(value, str | bool | int | float):
        return value
    if isinstance(value, list) and all(isinstance(item, str) for item in value):
        return value
    what = f"{printable(key)[:40]} must be a text, a number, true, false or a list of texts"
    raise UsageError(what, where=str(path), remedy=_REMEDY)


def run_config_text(options: Mapping[str, OptionValue]) -> str:
    """Returns the content of `run.toml`.

    Example:
        >>> print(run_config_text({"source": "0", "classes": ["bolt", "nut"], "wait": True}), end="")
        source = "0"
        classes = ["bolt", "nut"]
        wait = true

    Args:
        options: the options by their names without dashes.

    Raises:
        UsageError: an address holds a password, which belongs into a file of its own.
    """
    for name, remedy in (("source", "camera-password-file"), ("mqtt", "mqtt-password-file")):
        if holds_password(address := str(options.get(name, ""))):
            what = f"--{name} holds a password, which this file must not show"
            raise UsageError(
                what, where=without_password(address), remedy=f"put it into a file, and name it with --{remedy}"
            )
    return to_toml(options)


def with_absolute_paths(options: Mapping[str, OptionValue], folder: Path) -> dict[str, OptionValue]:
    """Returns options whose paths mean the same files in every working folder.

    Args:
        options: the options by their names without dashes.
        folder: the folder that relative paths start from.
    """
    return {name: _absolute(name, value, folder) for name, value in options.items()}


def _absolute(name: str, value: OptionValue, folder: Path) -> OptionValue:
    if not isinstance(value, str) or (name == "jsonl" and value == "-"):
        return value
    is_path = name in PATHS or (name == "source" and not value.isdecimal() and (folder / value).exists())
    if not is_path:
        return value
    slash = "/" if value.endswith("/") else ""  # by which `--save` knows a folder
    return f"{folder / local_path(value)}{slash}"


def written_folders(options: Mapping[str, OptionValue]) -> list[Path]:
    """Returns the folders that a run with some options writes into.

    Args:
        options: the options by their names without dashes; their paths are absolute.
    """
    paths = {name: str(options[name]) for name in OUTPUTS if name in options and options[name] != "-"}
    return [Path(path) if _is_folder(name, path) else Path(path).parent for name, path in paths.items()]


def _is_folder(name: str, path: str) -> bool:
    return name in ("collect", "events") or path.endswith("/") or Path(path).is_dir()
