"""The options of a run, with which `edgetl run` and Python start the same one."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from edgetl.argument_types import convert_fields
from edgetl.card import ModelCard
from edgetl.errors import UsageError
from edgetl.vision.filter import ResultFilter
from edgetl.vision.zones import Line, Zone


@dataclass(frozen=True, slots=True, kw_only=True)
class RunSettings:
    """The options of `edgetl run`, by the same names and with the same defaults.

    Two differ from the command: `print_results` is off, so that Python prints nothing, and zones and lines are objects.

    Example:
        >>> import edgetl
        >>> settings = edgetl.RunSettings(model="parts", source="belt.mp4", jsonl="results.jsonl", threshold=0.4)
        >>> settings.stall
        5.0

    Attributes:
        model: the folder of a bundle, a model file, a stored model's name, or `NAME/TARGET`; None takes the model that
            was trained and converted last.
        source: a camera's number or device, `picamera://0`, an rtsp:// or http:// address, or the path of a film, of a
            photo, of a folder of photos or of a pattern of photos. It may hold a password, so it is not shown.
        variant: the name of a variant of the bundle; `auto` takes the fastest here; None takes the chosen one.
        threads: number of threads for inference; None takes the number of the bundle's target.
        labels: path of a text file with one label a line, for a model file that has none inside.
        max_frames: number of frames after which the run ends; None sets no limit.
        size: width and height to ask the camera for, px; None leaves them to the camera.
        fps: frames a second to ask the camera for; None leaves them to the camera.
        rate: frames of a live camera a second that the model gets at most; None sets no limit.
        stall: time without a frame that can be decoded after which a live camera is opened again, s.
        frozen: time with an unchanged picture after which a live camera is opened again, s; 0 sets no limit.
        covered: time with a dark or blurred picture after which an event says so, s; 0 sets no limit.
        drift: time that a picture unlike the usual ones, as without light, lasts before a `drift` event says so, s; 0
            reports no drift, of results either.
        give_up: time after which a lost camera ends the run, s.
        wait: whether to wait for a camera that is not there at the start, until `give_up`.
        camera_password_file: path of a file whose first line is the password of the user in the camera's address.
        threshold: smallest score that is reported, 0..1; None takes the model's own.
        classes: labels to report; an empty tuple reports all.
        top_k: number of classes that a classifier names at most; None names one.
        iou: overlap above which a detector drops the worse of two boxes, 0..1; None takes the model's own.
        max_det: number of objects that a detector finds in a frame at most; None takes the model's own.
        agnostic: whether a detector's boxes of different classes suppress each other, too.
        track: whether a detector's objects are followed, each with a number of its own.
        zones: parts of the picture; an event says which objects enter and leave them.
        lines: lines across which a detector's objects are counted.
        smooth: number of a classifier's last results of which the majority is reported.
        every: time within which events of one kind, class and place come at most once, s; None sets no limit.
        jsonl: path of a file for the results and events as JSON Lines; `-` is stdout.
        jsonl_changes: whether only results that differ from the last go there.
        save: path of an annotated film (.mp4) or photo, or of a folder if it ends with a slash or is one.
        save_every: length of the pieces of the saved film, s.
        save_max: size that the pieces of the saved film may have together, bytes; the oldest are deleted.
        show: whether a window shows the annotated pictures.
        events: path of a folder for two pictures and a JSON file of each event.
        events_max: number of events that the folder keeps; None keeps 1000.
        collect: path of a folder for the frames that are worth labelling.
        collect_max: size that these frames may have together, bytes; the oldest and least informative are deleted. None
            allows 250 MB.
        mqtt: address of a broker, `mqtt://[USER@]HOST[:PORT][/PREFIX]` or `mqtts://`. It is not shown.
        mqtt_password_file: path of a file whose first line is the broker's password.
        mqtt_ca: path of the certificates by which the broker's is checked (PEM).
        serve: port, or host and port, of the live page; None serves none.
        token_file: path of a file with the page's token.
        tls_cert: path of the page's certificate (PEM).
        tls_key: path of the certificate's key (PEM), if it has a file of its own.
        print_results: whether the results are printed on stderr, for people.

    Raises:
        UsageError: an option is empty, or means nothing without another one.
    """

    model: Path | str | None = None
    source: str = field(default="0", repr=False)
    variant: str | None = None
    threads: int | None = None
    labels: Path | None = None
    max_frames: int | None = None

    size: tuple[int, int] | None = None
    fps: float | None = None
    rate: float | None = None
    stall: float = 5.0
    frozen: float = 10.0
    covered: float = 60.0
    drift: float = 10.0
    give_up: float = 300.0
    wait: bool = False
    camera_password_file: Path | None = None

    threshold: float | None = None
    classes: tuple[str, ...] = ()
    top_k: int | None = None
    iou: float | None = None
    max_det: int | None = None
    agnostic: bool = False

    track: bool = False
    zones: tuple[Zone, ...] = ()
    lines: tuple[Line, ...] = ()
    smooth: int = 1
    every: float | None = None

    jsonl: Path | str | None = None
    jsonl_changes: bool = False
    save: Path | str | None = None
    save_every: float | None = None
    save_max: int | None = None
    show: bool = False
    events: Path | str | None = None
    events_max: int | None = None
    collect: Path | str | None = None
    collect_max: int | None = None
    mqtt: str | None = field(default=None, repr=False)
    mqtt_password_file: Path | None = None
    mqtt_ca: Path | None = None

    serve: str | None = None
    token_file: Path | None = None
    tls_cert: Path | None = None
    tls_key: Path | None = None

    print_results: bool = False

    def __post_init__(self) -> None:
        for name in ("source", "serve"):  # a camera's number and a port may be numbers
            if type(getattr(self, name)) is int:
                object.__setattr__(self, name, str(getattr(self, name)))
        convert_fields(self)
        self._refuse_too_small()
        self._refuse_empty()
        self._refuse_incomplete()

    @property
    def result_filter(self) -> ResultFilter:
        """The results that the run reports at first."""
        classes = self.classes or None
        return ResultFilter(self.threshold, classes, self.top_k or 1, self.iou, self.max_det, self.agnostic)

    def refuse_misplaced(self, card: ModelCard) -> None:
        """Raises a UsageError if an option is for another kind of model."""
        kind, other = "classifier", "detector"
        misplaced: dict[str, object] = {
            "--iou": self.iou,
            "--max-det": self.max_det,
            "--agnostic": self.agnostic or None,
        }
        if card.task == "detection":
            kind, other = other, kind
            misplaced = {"--top-k": self.top_k}
        options = [option for option, value in misplaced.items() if value is not None]
        if options:
            what = f"{options[0]} is for a {other}, and this model is a {kind}"
            raise UsageError(what, where=card.name, remedy=f"leave {' and '.join(options)} out")

    def _refuse_too_small(self) -> None:
        """Raises a UsageError if a count is below 1, or a time or a rate is negative or not a number."""
        for name in ("max_frames", "threads", "top_k", "max_det", "smooth", "events_max", "save_max", "collect_max"):
            count = getattr(self, name)
            if count is not None and count < 1:
                raise UsageError(f"{name} is {count}", remedy="choose 1 or more")
        for name in ("stall", "frozen", "covered", "drift", "give_up", "fps", "rate", "every", "save_every"):
            number = getattr(self, name)
            if number is not None and not number >= 0:
                raise UsageError(f"{name} is {number}", remedy="choose 0 or more")

    def _refuse_empty(self) -> None:
        """Raises a UsageError if an option is empty, as a shell variable without a value is."""
        named = {"--jsonl": self.jsonl, "--save": self.save, "--collect": self.collect, "--mqtt": self.mqtt}
        for option, value in named.items():
            if value is not None and not str(value).strip():
                raise UsageError(f"{option} is empty", remedy=f"say where to after {option}, or leave it out")

    def _refuse_incomplete(self) -> None:
        """Raises a UsageError if an option is set without the option that it belongs to."""
        belonging: dict[str, tuple[object, dict[str, object]]] = {
            "--jsonl": (self.jsonl, {"--jsonl-changes": self.jsonl_changes}),
            "--save": (self.save, {"--save-every": self.save_every, "--save-max": self.save_max}),
            "--events": (self.events, {"--events-max": self.events_max}),
            "--collect": (self.collect, {"--collect-max": self.collect_max}),
            "--mqtt": (self.mqtt, {"--mqtt-password-file": self.mqtt_password_file, "--mqtt-ca": self.mqtt_ca}),
            "--serve": (
                self.serve,
                {"--token-file": self.token_file, "--tls-cert": self.tls_cert, "--tls-key": self.tls_key},
            ),
        }
        for main, (value, others) in belonging.items():
            for option in (name for name, other in others.items() if other and not value):
                raise UsageError(f"{option} goes with {main}", remedy=f"give {main} too, or leave it out")
