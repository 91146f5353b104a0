"""`edgetl run`: a model on a camera, a film or photos."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from edgetl.cli.echo import echo
from edgetl.cli.full_help import SectionedCommand
from edgetl.cli.run.options import OPTIONS, SECTIONS


class _RunCommand(SectionedCommand):
    """A command that shows no password of a camera's address when its arguments are wrong."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parses the arguments; an unexpected one is named without its password."""
        words = list(args)  # click empties `args`
        try:
            return super().parse_args(ctx, args)
        except click.UsageError as error:
            from edgetl.device.camera.address import without_password

            message = error.format_message()
            for word in words:
                message = message.replace(word, without_password(word))
            if "extra argument" in message:
                message += "; name the camera, film or photos with --source"
            raise click.UsageError(message, error.ctx) from error


@click.command(cls=_RunCommand, params=OPTIONS, sections=SECTIONS)
@click.argument("model", metavar="[BUNDLE]", required=False, type=click.Path(path_type=Path))
def run(quiet: bool, **options: Any) -> None:  # noqa: ANN401 - as click passes them
    """Recognise what a camera sees: classes, or objects and where they are, as the model was trained.

    BUNDLE is one of: a folder made by `edgetl convert`; the name of a stored model, if it has one bundle, or
    NAME/TARGET; a .tflite file of edgetl, of any classifier, or of an SSD that ends with TFLite_Detection_PostProcess;
    an OpenVINO .xml of edgetl or of any classifier. Without BUNDLE, the model that was trained and converted last runs.

    SOURCE is one of: a camera's number (0 is the first) or device (/dev/video0); picamera://0 for a Raspberry Pi's own
    camera; an rtsp:// or http:// address; a film; a photo; a folder of photos; a pattern of photos in quotes. `edgetl
    cameras` lists the cameras of this machine.

    From a live camera the model always gets the newest frame, and the summary counts the frames that were skipped. Of
    a film or of photos it gets every frame. A camera that is lost is opened again until it is back. Ctrl-C, SIGTERM and
    SIGHUP end the run: files are completed and the summary is printed.

    \b
    Examples:
      edgetl run                                 the first camera, the last model
      edgetl run bundle --source 0 --size 1280x720 --rate 5
      edgetl run bundle --serve 8080             open http://127.0.0.1:8080/
      edgetl run bundle --source holiday.mp4 --save annotated.mp4
      edgetl run bundle --source 'photos/*.jpg' --jsonl - --quiet | jq .classes
      edgetl run bundle --classes bolt --classes nut --threshold 0.4
      edgetl run bundle --count belt=0.5,0,0.5,1 --events seen/
      edgetl run bundle --zone bin=0,0.6,0.3,0.6,0.3,1,0,1
      edgetl run bundle --save films/ --save-max 2GB
      edgetl run bundle --mqtt mqtt://cam@homeassistant.local/hall
    """
    from edgetl.device.run.job import run as run_model
    from edgetl.device.run.settings import RunSettings

    quiet = quiet or bool(click.get_current_context().find_root().params.get("quiet"))
    echo(run_model(RunSettings(print_results=not quiet, **options)), err=True)
