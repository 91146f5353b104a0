"""The options of `edgetl capture`, with which the command and Python take the same photos."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from edgetl.argument_types import convert_fields
from edgetl.errors import UsageError
from edgetl.text import folder_name, label_problem


@dataclass(frozen=True, slots=True, kw_only=True)
class CaptureSettings:
    """The options of `edgetl capture`, by the same names and with the same defaults.

    Two differ from the command: `keys` and `print_photos` are off. Python neither reads the terminal nor prints.

    Example:
        >>> import edgetl
        >>> settings = edgetl.CaptureSettings(label="screws", into="photos", every=2, count=50)
        >>> settings.source
        '0'

    Attributes:
        label: the class that the photos show; it is the name of their folder.
        into: path of the folder of class folders; it is made if it isn't there.
        source: a camera's number or device, `picamera://0`, an rtsp:// or http:// address, or the path of a film, of a
            photo, of a folder of photos or of a pattern of photos. It may hold a password, so it is not shown.
        every: time from one photo to the next, s; of a film its own time counts. None takes a photo only at a key or a
            button, and of a film every second; of photos all are taken.
        count: number of photos after which the capture ends; None sets no limit.
        skip_poor: whether blurred photos and near duplicates are left out instead of being warned of.
        size: width and height to ask the camera for, px; None leaves them to the camera.
        fps: frames a second to ask the camera for; None leaves them to the camera.
        stall: time without a frame that can be decoded after which a live camera is opened again, s.
        give_up: time after which a lost camera ends the capture, s.
        wait: whether to wait for a camera that is not there at the start, until `give_up`.
        camera_password_file: path of a file whose first line is the password of the user in the camera's address.
        show: whether a window shows the picture; the space bar takes a photo there, q and Esc end the capture.
        serve: port, or host and port, of the live page with a button that takes a photo; None serves none.
        token_file: path of a file with the page's token.
        tls_cert: path of the page's certificate (PEM).
        tls_key: path of the certificate's key (PEM), if it has a file of its own.
        keys: whether the space bar and Enter take a photo in the terminal, and q ends the capture.
        print_photos: whether each photo is reported.

    Raises:
        UsageError: the label can't be the name of a folder, a number is out of its range, or an option means nothing
            without another one.
    """

    label: str
    into: Path
    source: str = field(default="0", repr=False)
    every: float | None = None
    count: int | None = None
    skip_poor: bool = False

    size: tuple[int, int] | None = None
    fps: float | None = None
    stall: float = 5.0
    give_up: float = 300.0
    wait: bool = False
    camera_password_file: Path | None = None

    show: bool = False
    serve: str | None = None
    token_file: Path | None = None
    tls_cert: Path | None = None
    tls_key: Path | None = None

    keys: bool = False
    print_photos: bool = False

    def __post_init__(self) -> None:
        for name in ("source", "serve"):  # a camera's number and a port may be numbers
            if type(getattr(self, name)) is int:
                object.__setattr__(self, name, str(getattr(self, name)))
        convert_fields(self)
        problem = label_problem(self.label)
        if not problem and folder_name(self.label) != self.label:
            problem = f"a folder can't have that name everywhere; {folder_name(self.label)!r} would do"
        if problem:
            raise UsageError(f"the label can't be a class: {problem}", where="--label", remedy="choose another name")
        for name in ("every", "count", "fps", "stall", "give_up"):
            number = getattr(self, name)
            if number is not None and not number > 0:
                raise UsageError(f"{name} is {number}", remedy="choose a number above 0")
        if (self.token_file or self.tls_cert or self.tls_key) and self.serve is None:
            what = "--token-file, --tls-cert and --tls-key go with --serve"
            raise UsageError(what, remedy="give --serve too, or leave them out")

    @property
    def folder(self) -> Path:
        """The folder of the class."""
        return self.into / self.label
