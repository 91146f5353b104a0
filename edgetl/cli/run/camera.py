"""The options of `edgetl run` about the camera, and about what happens when it is lost."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from edgetl.cli.option_groups import option_group
from edgetl.cli.option_types import Duration, Resolution

if TYPE_CHECKING:
    from edgetl.device.camera.protocol import CameraRequest
    from edgetl.device.camera.source import Source
    from edgetl.device.run.camera_loss import Patience


@dataclass(frozen=True, slots=True)
class CameraOptions:
    """What is asked of the camera, and how patiently; durations in s."""

    size: tuple[int, int] | None
    fps: float | None
    rate: float | None
    stall: float
    frozen: float
    covered: float
    give_up: float
    wait: bool
    camera_password_file: Path | None

    def request(self, source: Source, *, full: bool) -> CameraRequest:
        """Returns the same for `open_camera`.

        Args:
            source: as it was given.
            full: whether every frame is shown or saved.

        Raises:
            UsageError: the password's file can't be read, or the source takes no password.
        """
        from edgetl.device.camera.address import read_password
        from edgetl.device.camera.protocol import CameraRequest

        password = read_password(self.camera_password_file, source)
        # FFmpeg's own limit is the second line: a read that hangs is left behind after `stall`.
        return CameraRequest(self.size, self.fps, full, timeout=self.stall + 5, password=password)

    @property
    def patience(self) -> Patience:
        """The same for `live.run`."""
        from edgetl.device.run.camera_loss import Patience

        return Patience(self.stall, self.frozen, self.give_up, covered=self.covered)


camera_options = option_group(
    "camera",
    CameraOptions,
    click.option(
        "--size", type=Resolution(), metavar="WIDTHxHEIGHT", help="Ask the camera for this size, say 1280x720."
    ),
    click.option("--fps", type=click.FloatRange(min=0, min_open=True), help="Ask the camera for so many a second."),
    click.option(
        "--rate",
        type=click.FloatRange(min=0, min_open=True),
        help="Look at so many frames of a camera a second at most: saves work and heat.  [default: no limit]",
    ),
    click.option(
        "--stall",
        type=Duration(),
        default="5s",
        show_default=True,
        help="A camera that gives no frame, or none that can be decoded, for so long is opened again.",
    ),
    click.option(
        "--frozen",
        type=Duration(zero=True),
        default="10s",
        show_default=True,
        help="So is one whose picture hasn't changed in a single bit for so long; 0 allows it.",
    ),
    click.option(
        "--covered",
        type=Duration(zero=True),
        default="1m",
        show_default=True,
        help="Tell of a camera whose picture has been far darker or less sharp for so long than it was in the first "
        "minute, because its lens is covered or out of focus; 0 doesn't.",
    ),
    click.option(
        "--give-up",
        type=Duration(),
        default="5m",
        show_default=True,
        help="A camera that has been lost for so long ends the run, with exit code 6.",
    ),
    click.option("--wait", is_flag=True, help="Wait for a camera that isn't there at the start, until --give-up."),
    click.option(
        "--camera-password-file",
        type=click.Path(path_type=Path),
        metavar="FILE",
        help="Take the password of the user whom the camera's address names from this file's first line, or from the "
        "variable EDGETL_CAMERA_PASSWORD: other users of the machine can read the address itself.",
    ),
)
