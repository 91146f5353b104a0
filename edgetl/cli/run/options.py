"""The options of `edgetl run`; each has the name of a field of `RunSettings`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from edgetl.cli.option_types import Duration, Resolution, Size
from edgetl.cli.run.config_option import read_config

if TYPE_CHECKING:
    from edgetl.vision.zones import Line, Zone

_FILE = click.Path(path_type=Path)
_ABOVE_ZERO = click.FloatRange(min=0, min_open=True)
_COUNT = click.IntRange(min=1)
_SHARE = click.FloatRange(0, 1)


def _zones(context: click.Context, option: click.Parameter, values: tuple[str, ...]) -> tuple[Zone, ...]:
    from edgetl.vision.zones import Zone

    return tuple(map(Zone.parse, values))


def _lines(context: click.Context, option: click.Parameter, values: tuple[str, ...]) -> tuple[Line, ...]:
    from edgetl.vision.zones import Line

    return tuple(map(Line.parse, values))


_COMMON = (
    click.Option(["--source"], default="0", show_default=True, help="The camera, film or photos, see above."),
    click.Option(
        ["--threshold"], type=_SHARE, help="Smallest score that is reported, 0 to 1.  [default: the model's own]"
    ),
    click.Option(["--classes"], metavar="LABEL", multiple=True, help="Report only this class; may be repeated."),
    click.Option(
        ["--serve"],
        metavar="[HOST:]PORT",
        help="Serve a live page for the browser. Without HOST only this machine can open it. With another address of "
        "this machine, for example 0.0.0.0, the page needs a token, which is printed. Needs the extra `page`.",
    ),
    click.Option(["--show"], is_flag=True, help="Show a window; q or Esc ends the run. Needs the extra `window`."),
    click.Option(
        ["--save"],
        metavar="FILM.mp4|PHOTO.jpg|FOLDER/",
        help="Save the annotated pictures as a film. In a folder, photos are saved as photos, and a film or a camera "
        "as films of ten minutes that are named after the time at which they begin.",
    ),
    click.Option(["--jsonl"], metavar="FILE|-", help="Write every result as a line of JSON; - writes to stdout."),
    click.Option(["--max-frames"], type=_COUNT, help="End the run after so many frames.  [default: no limit]"),
    click.Option(["--quiet"], is_flag=True, help="Print no results for people, only the summary."),
    click.Option(
        ["--config"],
        type=_FILE,
        metavar="FILE",
        is_eager=True,
        expose_value=False,
        callback=read_config,
        help="Take options from this TOML file, such as rate = 5; a key is an option's name without its dashes. "
        "Options of the command line come first.",
    ),
)
_MODEL = (
    click.Option(
        ["--variant"],
        metavar="NAME|auto",
        help="The variant of the bundle to run; auto takes the one that is fastest here, see `edgetl tune`.  "
        "[default: the chosen one]",
    ),
    click.Option(
        ["--threads"],
        type=_COUNT,
        help="Number of threads for inference; with a film or photos, number of frames at once.  "
        "[default: the number of the bundle's target]",
    ),
    click.Option(
        ["--labels"],
        type=_FILE,
        metavar="FILE",
        help="A text file with one label a line, for a model file that has none inside.",
    ),
    click.Option(["--top-k"], type=_COUNT, help="Classifier: name at most so many classes.  [default: 1]"),
    click.Option(
        ["--iou"],
        type=_SHARE,
        help="Detector: of two boxes of a class that overlap by more, only the better is kept.  "
        "[default: the model's own]",
    ),
    click.Option(
        ["--max-det"], type=_COUNT, help="Detector: find at most so many objects a frame.  [default: the model's own]"
    ),
    click.Option(
        ["--agnostic"], is_flag=True, help="Detector: overlapping boxes of different classes suppress each other, too."
    ),
)
_CAMERA = (
    click.Option(["--size"], type=Resolution(), metavar="WIDTHxHEIGHT", help="Ask the camera for this size: 1280x720."),
    click.Option(["--fps"], type=_ABOVE_ZERO, help="Ask the camera for so many frames a second."),
    click.Option(
        ["--rate"],
        type=_ABOVE_ZERO,
        help="Run the model on at most so many frames of a camera a second, which saves power and heat.  "
        "[default: no limit]",
    ),
    click.Option(
        ["--stall"],
        type=Duration(),
        default="5s",
        show_default=True,
        help="Open the camera again if no frame that can be decoded has come for so long.",
    ),
    click.Option(
        ["--frozen"],
        type=Duration(zero=True),
        default="10s",
        show_default=True,
        help="Open the camera again if its picture has not changed in a single bit for so long; 0 never does.",
    ),
    click.Option(
        ["--covered"],
        type=Duration(zero=True),
        default="1m",
        show_default=True,
        help="Report a camera whose picture has for so long been far darker or less sharp than in the first minute, "
        "because its lens is covered or out of focus; 0 never does.",
    ),
    click.Option(
        ["--drift"],
        type=Duration(zero=True),
        default="10s",
        show_default=True,
        help="Report a drift if the picture of a camera or a film has for so long been unlike the usual ones: without "
        "light, covered, blurred, or of another place; and if the results have become unlike those on the validation "
        "photos. 0 never does.",
    ),
    click.Option(
        ["--give-up"],
        type=Duration(),
        default="5m",
        show_default=True,
        help="End the run with exit code 6 if the camera has been lost for so long.",
    ),
    click.Option(["--wait"], is_flag=True, help="Wait until --give-up for a camera that is not there at the start."),
    click.Option(
        ["--camera-password-file"],
        type=_FILE,
        metavar="FILE",
        help="Read the password of the user in the camera's address from the first line of this file. The variable "
        "EDGETL_CAMERA_PASSWORD can hold it, too. Other users of this machine can read the address itself.",
    ),
)
_SCENE = (
    click.Option(
        ["--track"],
        is_flag=True,
        help="Detector: follow the objects and number them; --zone, --count, --events, --mqtt and --serve do so, too.",
    ),
    click.Option(
        ["--zone", "zones"],
        metavar="NAME=X,Y,X,Y,…",
        multiple=True,
        callback=_zones,
        help="Detector: report which objects enter and leave this part of the picture. X and Y of its corners are "
        "shares of the picture's width and height, 0 to 1. May be repeated.",
    ),
    click.Option(
        ["--count", "lines"],
        metavar="NAME=X,Y,X,Y",
        multiple=True,
        callback=_lines,
        help="Detector: count the objects that cross this line. Seen from its first end to its second, left to right "
        "is in, and right to left is out. X and Y are shares of the picture. May be repeated.",
    ),
    click.Option(
        ["--smooth"],
        type=_COUNT,
        default=1,
        show_default=True,
        metavar="N",
        help="Classifier: report the class of most of the last N frames, so that single wrong ones don't count.",
    ),
    click.Option(
        ["--events"],
        type=_FILE,
        metavar="FOLDER",
        help="Save each event as an annotated picture, a clean picture and a JSON file.",
    ),
    click.Option(["--events-max"], type=_COUNT, help="Keep only the newest so many events there.  [default: 1000]"),
    click.Option(
        ["--every"],
        type=Duration(),
        metavar="TIME",
        help="Report events of one kind, class and place at most once in that time, for example 1s; the counts go on.",
    ),
)
_FILES = (
    click.Option(
        ["--jsonl-changes"], is_flag=True, help="Write only events, and results that differ from the last, to --jsonl."
    ),
    click.Option(
        ["--save-every"], type=Duration(), metavar="TIME", help="Save pieces of this length, for example 10m."
    ),
    click.Option(
        ["--save-max"],
        type=Size(),
        metavar="SIZE",
        help="Save pieces, and delete the oldest if all together are larger than this, for example 2GB.",
    ),
)
_COLLECTING = (
    click.Option(
        ["--collect"],
        type=_FILE,
        metavar="FOLDER",
        help="Keep the frames that are worth labelling for the next training: those with uncertain or changing "
        "results, and a few by lot. Each is a clean picture and a JSON file; no two look the same.",
    ),
    click.Option(
        ["--collect-max"],
        type=Size(),
        metavar="SIZE",
        help="Delete the oldest and least informative of them if all are larger than this.  [default: 250MB]",
    ),
)
_MQTT = (
    click.Option(
        ["--mqtt"],
        metavar="URL",
        help="Publish results and events to mqtt://[USER@]HOST[:PORT][/PREFIX], or mqtts:// for TLS. Home Assistant "
        "finds the camera by itself. The variable EDGETL_MQTT_PASSWORD holds the password. Needs the extra `mqtt`.",
    ),
    click.Option(
        ["--mqtt-password-file"], type=_FILE, metavar="FILE", help="Read the broker's password from this file."
    ),
    click.Option(
        ["--mqtt-ca"], type=_FILE, metavar="FILE", help="Check the broker's certificate with these certificates (PEM)."
    ),
)
_PAGE = (
    click.Option(
        ["--token-file"],
        type=_FILE,
        metavar="FILE",
        help="Read the page's token from this file, instead of making one.",
    ),
    click.Option(
        ["--tls-cert"], type=_FILE, metavar="FILE", help="Serve the page over TLS with this certificate (PEM)."
    ),
    click.Option(["--tls-key"], type=_FILE, metavar="FILE", help="The certificate's key, if it has a file of its own."),
)
_GROUPS = {
    "Common options": _COMMON,
    "Model": _MODEL,
    "Camera": _CAMERA,
    "Tracks, zones, counts and events": _SCENE,
    "Files": _FILES,
    "Frames for the next training": _COLLECTING,
    "MQTT": _MQTT,
    "Live page": _PAGE,
}


OPTIONS = [option for group in _GROUPS.values() for option in group]
"""All options, in the order of the help."""
SECTIONS = {title: [str(option.name) for option in group] for title, group in _GROUPS.items()}
"""The names of the options by the titles under which the help lists them."""
