"""The options of `edgetl run` that stand after the `--` of another command."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from edgetl.device.service.run_config import OptionValue

_KEY = "edgetl.run_options"
"""The key of a context's `meta` under which the words after the `--` are kept."""


class TakesRunOptions(click.Command):
    """A command whose arguments end at a `--`; the words after it are options of `edgetl run`."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parses the words before the `--`, and keeps those after it."""
        end = args.index("--") if "--" in args else len(args)
        ctx.meta[_KEY] = args[end + 1 :]
        return super().parse_args(ctx, args[:end])


def run_options() -> dict[str, OptionValue]:
    """Returns the options after the `--` of the command that is being called, by their names without dashes.

    Raises:
        UsageError: a word is no option of `edgetl run`, or its value is refused.
    """
    from edgetl.cli.run.config_option import given_options

    return given_options(click.get_current_context().meta[_KEY])
