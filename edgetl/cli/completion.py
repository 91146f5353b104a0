"""`edgetl completion`."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

from edgetl.cli.echo import echo


@click.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def completion(ctx: click.Context, shell: str) -> None:
    """Print the script that completes edgetl's commands and options with the Tab key.

    \b
    Add one of these lines to your shell's configuration file:
      ~/.bashrc                       eval "$(edgetl completion bash)"
      ~/.zshrc                        eval "$(edgetl completion zsh)"
      ~/.config/fish/config.fish      edgetl completion fish | source
    """
    kind = get_completion_class(shell)
    if kind is None:
        raise click.UsageError(f"there is no completion for {shell}")
    echo(kind(ctx.find_root().command, {}, "edgetl", "_EDGETL_COMPLETE").source())
