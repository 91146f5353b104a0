"""Help in whole sentences and in sections, and flags that may stand before or after a command."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import Any

import click

_LONGEST_SUMMARY = 1000
"""The limit of click for a summary, in characters. It is never reached, so that a summary is a whole sentence."""
_FLAGS = {
    "quiet": "Print only errors and results.",
    "verbose": "Show where in the program an error came from.",
}


class FullHelpGroup(click.Group):
    """A group that lists its commands in the order in which they were added, each with its whole first sentence."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Returns the names of the commands."""
        return list(self.commands)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Writes the commands with their summaries, which may take several lines."""
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
    """Applies a flag that stands behind the command as if it stood before it."""
    flags: dict[str, Any] = context.find_root().params
    if value and option.name:
        flags[option.name] = True
        set_log_level(quiet=bool(flags.get("quiet")), verbose=bool(flags.get("verbose")))


def set_log_level(*, quiet: bool, verbose: bool) -> None:
    """Sets the level of edgetl's log: errors with `quiet`, everything with `verbose`, otherwise warnings."""
    level = logging.ERROR if quiet else logging.DEBUG if verbose else logging.WARNING
    logging.getLogger("edgetl").setLevel(level)
