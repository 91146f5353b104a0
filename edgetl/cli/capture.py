"""`edgetl capture`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from edgetl.cli.echo import echo
from edgetl.cli.full_help import SectionedCommand
from edgetl.cli.option_types import Duration, Resolution

_FILE = click.Path(path_type=Path)
_OPTIONS = [
    click.Option(["--label"], required=True, help="The class that the photos show; their folder has its name."),
    click.Option(["--into"], type=_FILE, metavar="DIR", required=True, help="The folder of class folders."),
    click.Option(["--source"], default="0", show_default=True, help="The camera, film or photos, as of `edgetl run`."),
    click.Option(
        ["--every"],
        type=Duration(),
        help="Take a photo every so often.  [default: of a film every second, of a camera at a key alone]",
    ),
    click.Option(["--count"], type=click.IntRange(min=1), help="End after so many photos.  [default: no limit]"),
    click.Option(["--skip-poor"], is_flag=True, help="Leave out blurred photos and near duplicates, not only warn."),
    click.Option(["--quiet"], is_flag=True, help="Print only the summary."),
    click.Option(["--show"], is_flag=True, help="Show a window: Space takes a photo, q or Esc ends."),
    click.Option(
        ["--serve"],
        metavar="[HOST:]PORT",
        help="Serve a live page with a button that takes a photo. With another address of this machine than its "
        "loopback, for example 0.0.0.0, the page needs a token, which is printed.",
    ),
    click.Option(["--token-file"], type=_FILE, metavar="FILE", help="Read the page's token from this file."),
    click.Option(["--tls-cert"], type=_FILE, metavar="FILE", help="Serve the page over TLS with this certificate."),
    click.Option(["--tls-key"], type=_FILE, metavar="FILE", help="The certificate's key, if it has a file of its own."),
    click.Option(["--size"], type=Resolution(), metavar="WIDTHxHEIGHT", help="Ask the camera for this size: 1280x720."),
    click.Option(
        ["--fps"], type=click.FloatRange(min=0, min_open=True), help="Ask the camera for so many frames a second."
    ),
    click.Option(
        ["--stall"],
        type=Duration(),
        default="5s",
        show_default=True,
        help="Open the camera again if no frame has come for so long.",
    ),
    click.Option(
        ["--give-up"],
        type=Duration(),
        default="5m",
        show_default=True,
        help="End with exit code 6 if the camera has been lost for so long.",
    ),
    click.Option(["--wait"], is_flag=True, help="Wait until --give-up for a camera that is not there at the start."),
    click.Option(
        ["--camera-password-file"],
        type=_FILE,
        metavar="FILE",
        help="Read the password of the user in the camera's address from the first line of this file.",
    ),
]
_SECTIONS = {
    "Common options": ("label", "into", "source", "every", "count", "skip_poor", "quiet"),
    "Window and page": ("show", "serve", "token_file", "tls_cert", "tls_key"),
    "Camera": ("size", "fps", "stall", "give_up", "wait", "camera_password_file"),
}


@click.command("capture", cls=SectionedCommand, params=_OPTIONS, sections=_SECTIONS)
def capture(quiet: bool, **options: Any) -> None:  # noqa: ANN401 - as click passes them
    """Fill a class folder with photos from a camera, a film or photos.

    Photos go to DIR/LABEL/, under the names of their times; none is ever overwritten. In the terminal the space bar or
    Enter takes a photo, and q ends the capture; --show, --serve and --every take photos in a window, in a browser and
    by time. Photos that are blurred or look like an earlier one are warned of. Ctrl-C ends the capture with a summary.

    \b
      edgetl capture --label screws --into photos/
      edgetl capture --label nuts --into photos/ --every 2s --count 50
      edgetl capture --label bolts --into photos/ --source film.mp4
      edgetl capture --label gears --into photos/ --serve 8080
    """
    from edgetl.device.capture.job import capture as take_photos
    from edgetl.device.capture.settings import CaptureSettings

    quiet = quiet or bool(click.get_current_context().find_root().params.get("quiet"))
    echo(take_photos(CaptureSettings(keys=True, print_photos=not quiet, **options)), err=True)
