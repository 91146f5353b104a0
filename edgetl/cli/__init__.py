"""The command line: each command is a file with its options and one library call."""

from __future__ import annotations

import logging
import os
import platform
import sys
import traceback
from typing import Any

import click

from edgetl.cli.bench import bench
from edgetl.cli.cameras import cameras
from edgetl.cli.capture import capture
from edgetl.cli.compare import compare
from edgetl.cli.completion import completion
from edgetl.cli.convert import convert
from edgetl.cli.data import data
from edgetl.cli.demo import demo
from edgetl.cli.deploy import deploy
from edgetl.cli.doctor import doctor
from edgetl.cli.echo import LogFormatter, echo
from edgetl.cli.eval import evaluate
from edgetl.cli.full_help import FullHelpGroup, add_flags, set_log_level
from edgetl.cli.interruption import interruptible, notes_of
from edgetl.cli.models import models
from edgetl.cli.pull import pull
from edgetl.cli.release import release
from edgetl.cli.run import run
from edgetl.cli.service import service
from edgetl.cli.targets import targets
from edgetl.cli.train import train
from edgetl.cli.tune import tune
from edgetl.cli.verify import verify
from edgetl.errors import EdgetlError
from edgetl.progress import TerminalProgress, reporting
from edgetl.quiet import open_closed_streams
from edgetl.text import printable, without_passwords


class _Group(FullHelpGroup):
    """Turns errors into messages and exit codes, here alone."""

    def main(self, *args: Any, **extra: Any) -> Any:  # noqa: ANN401 - as click has it
        open_closed_streams()
        return super().main(*args, **extra)

    def invoke(self, ctx: click.Context) -> Any:  # noqa: ANN401 - as click has it
        try:
            with interruptible():
                return super().invoke(ctx)
        except click.exceptions.NoArgsIsHelpError:
            raise
        except click.UsageError as error:  # the message may quote a file's name that the shell expanded
            message = error.format_message().replace("\n\t", " ")  # as click lists the choices of an option
            raise click.UsageError(printable(without_passwords(message)), error.ctx) from error
        except BrokenPipeError:  # the reader of our output, for example `head`, has ended
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            ctx.exit(0)
        except (EdgetlError, OSError, MemoryError, ModuleNotFoundError) as error:
            if ctx.params.get("verbose"):
                echo(traceback.format_exc(), err=True, nl=False)
            shown = _as_edgetl_error(error, ctx.invoked_subcommand or "")
            where = printable(shown.where)  # a name with a line end in it must not look like a remedy
            echo(f"edgetl: {EdgetlError(shown.what, where=where, remedy=shown.remedy)}", err=True)
            _echo_notes(error)
            ctx.exit(shown.exit_code)
        except KeyboardInterrupt as error:
            echo("edgetl: interrupted; earlier files are unchanged", err=True)
            _echo_notes(error)
            ctx.exit(1)


def _echo_notes(error: BaseException) -> None:
    for note in notes_of(error):
        echo(f"  {note}", err=True)


_ON_THE_DEVICE = ("run", "service", "verify", "tune", "bench", "cameras", "capture")
"""The commands that work with the extra `device` alone; the others need the extra `train`."""


def _as_edgetl_error(error: Exception, command: str) -> EdgetlError:
    """Returns an error with what, where and the remedy for any error that a command may end with."""
    if isinstance(error, EdgetlError):
        return error
    if isinstance(error, ModuleNotFoundError):
        from edgetl.install import install_command

        extra, place = ("device", "device") if command in _ON_THE_DEVICE else ("train", "workstation")
        what = f"`edgetl {command}` needs the {place}'s extra `{extra}`: {error.name} is not installed"
        return EdgetlError(what, remedy=install_command(extra))
    if isinstance(error, OSError) and error.strerror:
        name = "" if error.filename is None else error.filename  # a pipe has none
        where = os.fsdecode(name) if isinstance(name, str | bytes) else str(name)
        return EdgetlError(error.strerror, where=where, remedy="check the path, its permissions and the disk")
    return EdgetlError(str(error) or type(error).__name__)


def _require_platform() -> None:
    """Refuses to work on systems on which edgetl was never tested.

    Raises:
        EdgetlError: the system is neither Linux nor macOS.
    """
    if sys.platform not in ("linux", "darwin"):
        what = f"edgetl runs on Linux, and its workstation half on macOS, but this is {platform.system()}"
        remedy = "under Windows install it in WSL (wsl --install), which is a Linux"
        raise EdgetlError(what, remedy=remedy)


@click.group(cls=_Group, context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--quiet", is_flag=True, help="Print only errors and results.")
@click.option("--verbose", is_flag=True, help="Show where in the program an error came from.")
@click.version_option(package_name="edgetl")
@click.pass_context
def main(ctx: click.Context, quiet: bool, verbose: bool) -> None:
    """Turn a folder of labelled photos into a small computer that recognises them live.

    \b
      edgetl demo                         all steps, on photos that edgetl draws
      edgetl data check photos/           find what is wrong with a data set
      edgetl train photos/ --name parts   fine-tune a MobileNet
      edgetl convert parts --target rpi   quantize, check, and make a bundle
      edgetl verify parts                 check what this machine computes
      edgetl run parts --source 0         recognise things live
      edgetl deploy pi@hall parts         keep it running on a device
    """
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(LogFormatter("%(levelname)s: %(message)s"))
    logging.basicConfig(handlers=[handler])
    set_log_level(quiet=quiet, verbose=verbose)
    ctx.with_resource(reporting(TerminalProgress()))
    _require_platform()


for command in (
    train,
    compare,
    evaluate,
    convert,
    verify,
    tune,
    bench,
    run,
    deploy,
    release,
    capture,
    pull,
    service,
    cameras,
    models,
    targets,
    data,
    doctor,
    demo,
    completion,
):
    add_flags(command)
    main.add_command(command)
