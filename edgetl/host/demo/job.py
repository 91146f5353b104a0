"""Runs the demo: it draws photos and a film, trains, converts, verifies and runs, as the commands would."""

from __future__ import annotations

import os
import shlex
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

from edgetl import store
from edgetl.bundle import Bundle
from edgetl.device.camera import open_camera
from edgetl.device.inference.model import Model
from edgetl.device.run import loop
from edgetl.device.sinks.video.file import VideoFile
from edgetl.device.verify import replay
from edgetl.errors import UsageError
from edgetl.host.console import console
from edgetl.host.convert.job import convert
from edgetl.host.demo.classification import CLASSIFICATION
from edgetl.host.demo.detection import DETECTION
from edgetl.host.demo.task import FilmCheck, Task, TaskName
from edgetl.host.train.job import discard_unfinished, train
from edgetl.host.train.options import TrainOptions
from edgetl.text import about

_SECONDS: dict[TaskName, float] = {"classify": 180, "detect": 240}
"""The time that a demo takes on two idle cores, s, rounded up."""
TASKS: dict[TaskName, Task] = {"classify": CLASSIFICATION, "detect": DETECTION}
"""The demos by the value of `--task`."""


def demo(task_name: TaskName = "classify", folder: Path | None = None, *, seed: int = 0) -> None:
    """Draws photos and a film, trains, converts, verifies and runs.

    Args:
        task_name: the demo to show.
        folder: the folder for the drawn photos and films; None makes one with the name of the demo's model.
        seed: the seed of the drawing and the training.

    Raises:
        UsageError: the folder holds photos or films, or the store a model of this name, that the demo didn't make.
        EdgetlError: a step failed, for a reason that its own command would give.
    """
    started = time.monotonic()
    task = TASKS[task_name]
    folder = folder or Path(task.name)
    photos, film, seen = folder / "photos", folder / "film.mp4", folder / "seen.mp4"
    _require_own(task, photos, film, seen)
    console.print(f"on two idle cores this takes {about(_SECONDS[task_name])}")
    console.print(f"drawing {task.photos}, and a film, into {folder}", markup=False)
    task.draw(photos, seed)
    check = task.film(film, seed + 1)

    discard_unfinished(task.name)
    _print_command(task.train_words(photos, seed))
    overrides = {**task.options, "seed": seed}
    stored = train(TrainOptions.collect(str(photos), task.name, overrides, None))

    _print_command(["edgetl", "convert", task.name, "--target", "rpi", "--runtime", "tflite"])
    bundle = convert(task.name, "rpi", runtimes=("tflite",))  # OpenVINO's variants would take a minute more

    _print_command(["edgetl", "verify", str(bundle.folder)])
    reports = replay.verify(bundle.folder)
    console.print("\n".join(map(str, reports)))
    replay.require_all_ok(reports, bundle.folder)

    _print_command(["edgetl", "run", str(bundle.folder), "--source", str(film), "--save", str(seen)])
    _run(bundle, film, seen, check)
    console.print(str(check))
    _print_results(task, stored, bundle, seen, time.monotonic() - started)


def _require_own(task: Task, photos: Path, *films: Path) -> None:
    """Passes if the demo would replace nothing but the work of an earlier one.

    Raises:
        UsageError: a photo, a film or a model is not the demo's own.
    """
    # The photos are drawn first: a film without them isn't the demo's.
    others = [path for path in (photos, *films) if path.exists() and not task.drawn(photos)]
    if others:
        what, remedy = f"{others[0]} was not drawn by this demo, which would replace it", "name another --folder"
        raise UsageError(what, where=str(photos.parent), remedy=remedy)
    if not store.has(task.name):
        return
    model = store.open_model(task.name)
    origin = Path(model.card.dataset.path) if model.card.dataset else None
    if origin is None or not (origin.resolve() == photos.resolve() or task.drawn(origin)):
        what = f"the store's model {task.name!r} was not trained by this demo, which would replace it"
        remedy = "rename its folder, or set EDGETL_MODELS to another store"
        raise UsageError(what, where=str(model.folder), remedy=remedy)


def _run(bundle: Bundle, film: Path, seen: Path, check: FilmCheck) -> None:
    """Runs the bundle over the film, as `edgetl run` would."""
    with Model.open(bundle.folder) as model, open_camera(str(film)) as camera, VideoFile(seen, fps=camera.fps) as sink:
        console.print(str(loop.run(model, camera, [sink], on_observation=check)))


def _print_command(words: Sequence[str]) -> None:
    """Prints a command as it is typed in a shell."""
    line = subprocess.list2cmdline(words) if os.name == "nt" else shlex.join(words)
    console.print(f"\n$ {line}", style="bold", markup=False)


def _print_results(task: Task, stored: store.StoredModel, bundle: Bundle, seen: Path, seconds: float) -> None:
    """Prints where the results are, and the commands for the user's own photos."""
    console.print(
        f"\nDone in {seconds:.0f} s. Look at\n"
        f"  the annotated film   {seen}\n"
        f"  the report           {stored.folder / 'report' / 'index.html'}\n"
        f"  the proof            {bundle.folder / 'report.html'}\n"
        f"  the bundle           {bundle.folder}   copy it to the Raspberry Pi\n\n"
        f"{task.own}\n"
        "  edgetl train FOLDER --name NAME\n"
        "  edgetl convert NAME --target rpi\n"
        f"  edgetl run {store.root() / 'NAME' / 'rpi'} --source 0",
        markup=False,
    )
