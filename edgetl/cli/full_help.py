"""Help in whole sentences and in sections, and flags that may stand before or after a command."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import Any

import click

_LONGEST_SUMMARY = 1000
"""A summary is the first sentence of a command's help, never cut; characters."""
_FLAGS = {
    "quiet": "Print only errors and results.",
    "verbose": "Show where in the program an error came from.",
}


class FullHelpGroup(click.Group):
    """Lists its commands in the order in which they were added, each with its whole first sentence."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Returns the commands' names."""
        return list(self.commands)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Writes the commands and what they do; a long sentence goes on in the next line."""
        rows = [(name, command.get_short_help_str(_LONGEST_SUMMARY)) for name, command in self.commands.items()]
        if rows:
            with formatter.section("Commands"):
                formatter.write_dl(rows)


class SectionedCommand(click.Command):
    """A command whose help lists its options in sections, the common ones first.

    Args:
        sections: the options' names, as the command's parameters are called, by the section's title; in the order in
            which the help shows them. An option in none of them is listed at the end, under "Other options".
    """

    def __init__(self, *args: Any, sections: Mapping[str, Sequence[str]], **options: Any) -> None:  # noqa: ANN401
        super().__init__(*args, **options)
        self._sections = sections

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Writes the sections."""
        records = {
            param.name: param.get_help_record(ctx) for param in self.get_params(ctx) if isinstance(param, click.Option)
        }
        named = {name for names in self._sections.values() for name in names}
        others = [name for name in records if name not in named]
        for title, names in [*self._sections.items(), ("Other options", others)]:
            rows = [record for name in names if (record := records[name])]
            if rows:
                with formatter.section(title):
                    formatter.write_dl(rows)


def add_flags(command: click.Command) -> None:
    """Gives `--quiet` and `--verbose` to a command and to all commands below it.

    A command that has a flag of that name keeps its own.
    """
    if isinstance(command, click.Group):
        for below in command.commands.values():
            add_flags(below)
    taken = {option for parameter in command.params for option in parameter.opts}
    for name, text in _FLAGS.items():
        if f"--{name}" not in taken:
            command.params.append(
                click.Option([f"--{name}"], is_flag=True, expose_value=False, callback=_take_flag, help=text)
            )


def _take_flag(context: click.Context, option: click.Parameter, value: bool) -> None:
    """Does what the flag before the command does."""
    flags: dict[str, Any] = context.find_root().params
    if value and option.name:
        flags[option.name] = True
        set_log_level(quiet=bool(flags.get("quiet")), verbose=bool(flags.get("verbose")))


def set_log_level(*, quiet: bool, verbose: bool) -> None:
    """Sets what edgetl's log shows: with `quiet` errors alone, with `verbose` everything, else warnings."""
    level = logging.ERROR if quiet else logging.DEBUG if verbose else logging.WARNING
    logging.getLogger("edgetl").setLevel(level)
