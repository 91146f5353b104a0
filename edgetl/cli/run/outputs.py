"""The options of `edgetl run` for where results and events go."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from edgetl.cli.option_groups import option_group
from edgetl.cli.option_types import Duration, Size

if TYPE_CHECKING:
    from edgetl.device.run.outputs import Outputs


@dataclass(frozen=True, slots=True)
class OutputOptions:
    """As they were given; see `edgetl.device.run.outputs.Outputs`."""

    jsonl: str | None
    jsonl_changes: bool
    save: str | None
    save_every: float | None
    save_max: int | None
    show: bool
    events: Path | None
    events_max: int | None
    mqtt: str | None
    mqtt_password_file: Path | None
    mqtt_ca: Path | None

    @property
    def full(self) -> bool:
        """Whether every frame is shown or saved."""
        return self.show or self.save is not None

    @property
    def wants_events(self) -> bool:
        """Whether there is someone to tell events to."""
        return self.events is not None or self.mqtt is not None

    def outputs(self, quiet: bool) -> Outputs:
        """The same for the library.

        Raises:
            UsageError: an option means nothing without another, or the broker's address is none.
        """
        from edgetl.device.run.outputs import Outputs
        from edgetl.device.sinks.mqtt.address import Address
        from edgetl.device.sinks.snapshots import MOST
        from edgetl.files import local_path

        self._refuse_lonely()
        self._refuse_empty()
        save = Path(self.save) if self.save else None
        folder = bool(save and self.save and (self.save.endswith("/") or local_path(save).is_dir()))
        mqtt = None
        if self.mqtt:
            mqtt = Address.parse(self.mqtt, password_file=self.mqtt_password_file, ca=self.mqtt_ca)
        return Outputs(
            jsonl=self.jsonl,
            jsonl_changes=self.jsonl_changes,
            save=save,
            save_folder=folder,
            save_every=self.save_every,
            save_max=self.save_max,
            show=self.show,
            events=self.events,
            events_max=self.events_max or MOST,
            mqtt=mqtt,
            quiet=quiet,
        )

    def _refuse_empty(self) -> None:
        """Raises a UsageError for an option that names nothing, as a shell variable without a value does."""
        from edgetl.errors import UsageError

        for option, given in {"--jsonl": self.jsonl, "--save": self.save, "--mqtt": self.mqtt}.items():
            if given is not None and not given.strip():
                raise UsageError(f"{option} is empty", remedy=f"say where to after {option}, or leave it out")

    def _refuse_lonely(self) -> None:
        """Raises a UsageError for an option whose main one is missing."""
        from edgetl.errors import UsageError

        mains: dict[str, tuple[object, dict[str, object]]] = {
            "--jsonl": (self.jsonl, {"--jsonl-changes": self.jsonl_changes}),
            "--save": (self.save, {"--save-every": self.save_every, "--save-max": self.save_max}),
            "--events": (self.events, {"--events-max": self.events_max}),
            "--mqtt": (self.mqtt, {"--mqtt-password-file": self.mqtt_password_file, "--mqtt-ca": self.mqtt_ca}),
        }
        for main, (given, others) in mains.items():
            for option in (name for name, value in others.items() if value and not given):
                raise UsageError(f"{option} goes with {main}", remedy=f"give {main} too, or leave it out")


_FILE = click.Path(path_type=Path)

output_options = option_group(
    "output",
    OutputOptions,
    click.option("--jsonl", metavar="FILE|-", help="Write every result as a line of JSON; - writes to stdout."),
    click.option("--jsonl-changes", is_flag=True, help="Write only results that differ from the last, and events."),
    click.option(
        "--save",
        metavar="FILM.mp4|PHOTO.jpg|FOLDER/",
        help="Save what is seen, annotated, as a film; into a folder photos as photos, and a film or a camera's "
        "pictures as films of ten minutes, named by the time each begins.",
    ),
    click.option("--save-every", type=Duration(), metavar="TIME", help="Save it in pieces of so long, say 10m."),
    click.option(
        "--save-max",
        type=Size(),
        metavar="SIZE",
        help="Save it in pieces, and delete its oldest where they take more, say 2GB.",
    ),
    click.option("--show", is_flag=True, help="Show it in a window; q or Esc ends the run. Needs the extra `window`."),
    click.option(
        "--events", type=_FILE, metavar="FOLDER", help="Save each event as two pictures, annotated and clean, and JSON."
    ),
    click.option(
        "--events-max", type=click.IntRange(min=1), help="Keep the newest so many events there.  [default: 1000]"
    ),
    click.option(
        "--mqtt",
        metavar="URL",
        help="Publish results and events to mqtt://[USER@]HOST[:PORT][/PREFIX], or mqtts:// for TLS; Home Assistant "
        "finds the camera by itself. The variable EDGETL_MQTT_PASSWORD holds the password. Needs the extra `mqtt`.",
    ),
    click.option("--mqtt-password-file", type=_FILE, metavar="FILE", help="Take the broker's password from this file."),
    click.option("--mqtt-ca", type=_FILE, metavar="FILE", help="Check the broker's certificate by these (PEM)."),
)
