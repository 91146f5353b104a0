"""`edgetl run`: a model on a camera, a film or photos."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from edgetl.cli.echo import echo
from edgetl.cli.run.camera import CameraOptions, camera_options
from edgetl.cli.run.outputs import OutputOptions, output_options
from edgetl.cli.run.page import Served, page_options
from edgetl.cli.run.results import Wanted, filter_options
from edgetl.cli.run.zones import WatchOptions, watch_options

if TYPE_CHECKING:
    from edgetl.device.sinks import Sink
    from edgetl.device.stop import Stop


@click.command()
@click.argument("bundle", required=False, type=click.Path(path_type=Path))
@click.option("--source", default="0", show_default=True, help="Where the frames come from, see above.")
@camera_options
@output_options
@page_options
@filter_options
@watch_options
@click.option("--max-frames", type=click.IntRange(min=1), help="End after so many frames.  [default: no limit]")
@click.option(
    "--threads",
    type=click.IntRange(min=1),
    help="For inference; of a film or photos, so many frames at once.  [default: the bundle's target's]",
)
@click.option(
    "--variant",
    metavar="NAME|auto",
    help="A variant of the bundle; auto: the fastest here, see `edgetl tune`.  [default: the chosen one]",
)
@click.option(
    "--labels",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="One label a line, for a file that has none inside.",
)
@click.option("--quiet", is_flag=True, help="Print no results for people, only the summary.")
def run(
    bundle: Path | None,
    source: str,
    camera: CameraOptions,
    output: OutputOptions,
    served: Served,
    wanted: Wanted,
    watch: WatchOptions,
    max_frames: int | None,
    threads: int | None,
    variant: str | None,
    labels: Path | None,
    quiet: bool,
) -> None:
    """Recognise what a camera sees, live: what it shows, or where which objects are, as the model was trained.

    BUNDLE is a folder made by `edgetl convert`; or the name of a stored model, for its only bundle, or NAME/TARGET; or
    a single .tflite file: one of edgetl's, any classifier, or an SSD that ends with TFLite_Detection_PostProcess; or
    an OpenVINO .xml: one of edgetl's, or any classifier. Without it the last model that was trained and converted here
    runs.

    SOURCE is a camera's number (0 is the first) or device (/dev/video0), picamera://0 for a Raspberry Pi's own, an
    rtsp:// or http:// address, a film, a photo, a folder of photos, or a pattern of photos in quotes; `edgetl cameras`
    lists what is attached here.

    Of a live camera the newest frame counts and the ones that were missed are told at the end; of a film or of
    photos every one is looked at. A camera that is lost is opened again until it is back. Ctrl-C, SIGTERM or SIGHUP
    ends a run well: files are whole, the summary is printed.

    \b
    Examples:
      edgetl run                                         the first camera, the last model
      edgetl run bundle --source 0 --size 1280x720 --rate 5
      edgetl run bundle --serve 8080                     look at it under http://127.0.0.1:8080/
      edgetl run bundle --source holiday.mp4 --save annotated.mp4
      edgetl run bundle --source 'photos/*.jpg' --jsonl - --quiet | jq .classes
      edgetl run bundle --classes bolt --classes nut --threshold 0.4
      edgetl run bundle --count belt=0.5,0,0.5,1 --zone bin=0,0.6,0.3,0.6,0.3,1,0,1 --events seen/
      edgetl run bundle --save films/ --save-max 2GB --mqtt mqtt://cam@homeassistant.local/hall
    """
    from edgetl.device.camera import CameraOpener
    from edgetl.device.camera.source import parse_source
    from edgetl.device.measure.tune import AUTO, settle
    from edgetl.device.result_selection import ResultSelection
    from edgetl.device.run import loop
    from edgetl.device.run.live_source import wait_for_camera
    from edgetl.device.run.model_pool import ModelPool
    from edgetl.device.run.outputs import open_sinks
    from edgetl.device.run.tally import Tally
    from edgetl.device.status import Status
    from edgetl.device.stop import stop_on_signals, unless_stopped
    from edgetl.find_bundle import find_bundle

    quiet = quiet or bool(click.get_current_context().find_root().params.get("quiet"))
    with _ends_well(), ExitStack() as stack:
        _refuse_address(bundle)
        frame_source = parse_source(source)
        bundle, together = find_bundle(bundle) if bundle else _last_bundle(), frame_source.parallel
        if variant == AUTO:
            tuned = settle(bundle, tell=lambda line: echo(line, err=True))
            # What it says of threads is for one frame, not for several of a film at once.
            variant, threads = tuned.variant, threads or (None if together else tuned.threads)
        stop = stack.enter_context(stop_on_signals())  # only now: nothing looks at it while the variants are measured
        opened = unless_stopped(
            lambda: ModelPool.open(
                bundle, together=together, variant=variant, threads=threads, labels=labels, only=wanted.filter
            ),
            stop,
        )
        pool = stack.enter_context(opened)
        model = pool.models[0]
        wanted.refuse_misplaced(model.card)
        outputs = unless_stopped(lambda: output.outputs(quiet), stop)
        outputs.refuse_overwriting(source)
        open_it = CameraOpener(frame_source, model.card.input, camera.request(frame_source, full=output.full))
        found = wait_for_camera(open_it, camera.patience, stop) if camera.wait else unless_stopped(open_it, stop)
        frames = stack.enter_context(found)
        status, tally, selection = Status(), Tally(), ResultSelection(model.card, wanted.filter)
        observer = watch.observer(selection, frames, told=output.wants_events, followed=served.serve is not None)
        sinks = [*open_sinks(outputs, frames, status, model.card, classes=wanted.classes, scene=observer, stop=stop)]
        sinks += unless_stopped(
            lambda: served.sinks(selection, status, stall=camera.patience.stall, quiet=quiet, scene=observer), stop
        )
        for sink in sinks:
            _enter(stack, sink, stop)
        summary = loop.run(
            pool,
            frames,
            sinks,
            selection=selection,
            max_frames=max_frames,
            on_observation=tally,
            stop=stop,
            observer=observer,
            status=status,
            rate=camera.rate,
            reopen=open_it,
            patience=camera.patience,
        )
    echo("\n".join(filter(None, map(str, (summary, tally)))), err=True)
    if observer and observer.totals:
        echo(observer.totals, err=True)


@contextmanager
def _ends_well() -> Iterator[None]:
    """Ends the command well where it is asked to end before everything is open."""
    from edgetl.device.stop import Stopped

    try:
        yield
    except Stopped:
        echo("stopped before the first frame", err=True)
        raise click.exceptions.Exit(0) from None


def _refuse_address(bundle: Path | None) -> None:
    """Raises a UsageError where a camera's address was given in the model's place."""
    from edgetl.device.camera.address import without_password
    from edgetl.errors import UsageError

    if bundle and ":" in str(bundle).partition("/")[0] and not bundle.exists():
        remedy = "give the model first, and then --source ADDRESS"
        raise UsageError("this is no model", where=without_password(str(bundle)), remedy=remedy)


def _enter(stack: ExitStack, sink: Sink, stop: Stop) -> None:
    """Enters a sink, and leaves it when the stack is closed; the wait for it ends where the run is asked to end."""
    from edgetl.device.sinks.window import Window
    from edgetl.device.stop import unless_stopped

    if isinstance(sink, Window):  # a window belongs to the thread that opened it
        stack.enter_context(sink)
        return
    unless_stopped(sink.__enter__, stop)
    stack.push(sink)


def _last_bundle() -> Path:
    """The bundle converted last of the model trained last."""
    from edgetl.bundle import MANIFEST
    from edgetl.errors import UsageError
    from edgetl.store import open_model

    model = open_model()
    bundles = sorted(model.bundles(), key=lambda folder: (folder / MANIFEST).stat().st_mtime)
    if not bundles:
        remedy = f"run `edgetl convert {model.name}`, or name a bundle"
        raise UsageError("the model trained last has not been converted", where=str(model.folder), remedy=remedy)
    return bundles[-1]
