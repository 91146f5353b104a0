"""The option `--config` of `edgetl run`, and the options that a command passes on to a run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from edgetl.errors import UsageError

if TYPE_CHECKING:
    from edgetl.device.service.run_config import OptionValue

_NOT_IN_A_FILE = ("config", "help", "verbose")
"""Options that a file can't have."""


def read_config(context: click.Context, option: click.Parameter, path: Path | None) -> None:
    """Makes the options in a file the defaults of the command.

    Raises:
        UsageError: the file can't be read, or has an unknown key or a value that its option refuses.
    """
    if path is None or context.resilient_parsing:
        return
    from edgetl.device.service.run_config import read_run_config

    options = by_name(context.command)
    defaults = {}
    for key, value in read_run_config(path).items():
        found = options.get(key.replace("_", "-"))
        if found is None:
            remedy = "see `edgetl run --help`; a key is an option's name without its dashes"
            raise UsageError(f"{key} is no option of `edgetl run`", where=str(path), remedy=remedy)
        defaults[str(found.name)] = _checked(context, found, value, f"{path}, {key}")
    context.default_map = {**(context.default_map or {}), **defaults}


def by_name(command: click.Command) -> dict[str, click.Option]:
    """Returns the options of a command that a file may have, by their names without dashes."""
    options = [option for option in command.params if isinstance(option, click.Option)]
    named = {long_name(option): option for option in options}
    return {name: option for name, option in named.items() if name not in _NOT_IN_A_FILE}


def long_name(option: click.Option) -> str:
    """Returns an option's name without its dashes, for example `max-frames`."""
    return next(name for name in option.opts if name.startswith("--")).removeprefix("--")


def _checked(context: click.Context, option: click.Option, value: OptionValue, where: str) -> OptionValue:
    """Returns a value as click takes a default, after a trial that converts it.

    Raises:
        UsageError: the option refuses the value.
    """
    remedy = "correct the value there; `edgetl run --help` says what the option takes"
    if option.is_flag is not isinstance(value, bool):
        what = "a flag is true or false" if option.is_flag else "this option takes a value, not true or false"
        raise UsageError(what, where=where, remedy=remedy)
    if isinstance(value, list) and not option.multiple:
        raise UsageError("this option takes one value, not a list", where=where, remedy=remedy)
    checked: OptionValue = [str(value)] if option.multiple and not isinstance(value, list) else value
    try:
        option.process_value(context, checked)
    except click.BadParameter as error:
        raise UsageError(error.message, where=where, remedy=remedy) from error
    except UsageError as error:
        raise UsageError(error.what, where=where, remedy=error.remedy or remedy) from error
    return checked


def given_options(arguments: Sequence[str]) -> dict[str, OptionValue]:
    """Returns the options of `edgetl run` in some arguments, by their names without dashes, for a `run.toml`.

    The options of a file that `--config` names are among them.

    Args:
        arguments: the arguments after the `--` of another command.

    Raises:
        UsageError: an argument is no option of `edgetl run`, or its value is refused.
        click.UsageError: the same, if click notices it.
    """
    from edgetl.cli.run import run
    from edgetl.device.service.run_config import read_run_config

    names = ["-h", "--help"]  # click remembers the first names for all later contexts
    with run.make_context("edgetl run", list(arguments), help_option_names=names) as context:
        if context.params.get("model") is not None:
            what = f"{context.params['model']} is not an option of `edgetl run`"
            raise UsageError(what, remedy="name the bundle before the --, and only options after it")
        given = run.make_parser(context).parse_args(list(arguments))[0]
    from_file = read_run_config(Path(given["config"])) if "config" in given else {}
    named: Mapping[str, OptionValue] = {
        name: given[option.name] for name, option in by_name(run).items() if option.name in given
    }
    return {**{key.replace("_", "-"): value for key, value in from_file.items()}, **named}
