"""The options of `edgetl run` for what happens in the picture."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import click

from edgetl.cli.option_groups import option_group
from edgetl.cli.option_types import Duration

if TYPE_CHECKING:
    from edgetl.device.camera.protocol import Camera
    from edgetl.device.result_selection import ResultSelection
    from edgetl.device.run.observer import SceneObserver


@dataclass(frozen=True, slots=True)
class WatchOptions:
    """As they were given; see `edgetl.device.run.observer.Watched`."""

    track: bool
    zone: tuple[str, ...]
    count: tuple[str, ...]
    smooth: int
    every: float | None

    def observer(
        self, selection: ResultSelection, camera: Camera, *, told: bool, followed: bool
    ) -> SceneObserver | None:
        """Makes what watches the picture; None where nobody wants to know.

        Args:
            selection: the results that the run reports.
            camera: likewise.
            told: whether there is someone to tell events to.
            followed: whether someone wants to see a detector's objects followed.

        Raises:
            UsageError: one of them is written wrongly, or means nothing to the model.
        """
        from edgetl.device.run.observer import SceneObserver, Watched
        from edgetl.vision.zones import Line, Zone

        track = self.track or (selection.card.task == "detection" and (told or followed))
        zones, lines = tuple(map(Zone.parse, self.zone)), tuple(map(Line.parse, self.count))
        watched = Watched(track, zones, lines, self.smooth, self.every or 0.0)
        if not (watched.follows or told or self.smooth > 1 or self.every):
            return None
        return SceneObserver(watched, selection, live=camera.live, fps=camera.fps)


watch_options = option_group(
    "watch",
    WatchOptions,
    click.option(
        "--track",
        is_flag=True,
        help="Detector: follow the objects, each with a number of its own; --zone, --count, --events, --mqtt and "
        "--serve do so too.",
    ),
    click.option(
        "--zone",
        metavar="NAME=X,Y,X,Y,…",
        multiple=True,
        help="Detector: tell which objects enter and leave a part of the picture; its corners in shares of the "
        "picture's width and height, 0 to 1. Repeat it for more.",
    ),
    click.option(
        "--count",
        metavar="NAME=X,Y,X,Y",
        multiple=True,
        help="Detector: count the objects that cross a line; in is from its left to its right, looking from its first "
        "end to its second, out is back. Its ends are in shares of the picture. Repeat it for more.",
    ),
    click.option(
        "--smooth",
        type=click.IntRange(min=1),
        default=1,
        metavar="N",
        help="Classifier: say what most of the last N frames show, so that single wrong ones don't count.",
    ),
    click.option(
        "--every",
        type=Duration(),
        metavar="TIME",
        help="Tell events of one kind, class and place at most once in that time, say 1s; counts go on.",
    ),
)
