"""The demo: the real commands' library calls, one after the other, on photos and a film that edgetl draws."""

from __future__ import annotations

import re
import time
from pathlib import Path

from edgetl import store
from edgetl.bundle import Bundle
from edgetl.device import live, verify
from edgetl.device.camera import Frame, open_camera
from edgetl.device.model import Model
from edgetl.device.sinks.video import VideoFile
from edgetl.errors import UsageError
from edgetl.host.convert.job import convert
from edgetl.host.demo.draw import PARTS, draw_film, draw_photos
from edgetl.host.progress import console
from edgetl.host.train.job import train
from edgetl.host.train.options import TrainOptions
from edgetl.vision.results import Classification

NAME = "demo"
_PHOTOS_PER_CLASS = 120
_FILM_SECONDS = 12
_FPS = 25
# Small pictures are what two cores can learn from in a minute; the starter needs no network.
_OPTIONS: dict[str, str | int | float] = {
    "weights": "starter",
    "size": 96,
    "batch": 16,
    "epochs": 24,
    "augment": 0.4,
    "batch_norm": "frozen",
    "layer_decay": 0.5,
}


def demo(folder: Path, *, seed: int = 0) -> None:
    """Draws, trains, converts, verifies and runs.

    Args:
        folder: for the drawn photos and films; the model goes into the store under `NAME`.
        seed: of the drawing and the training.

    Raises:
        UsageError: the folder holds photos or films, or the store a model of that name, that no demo made.
        EdgetlError: a step failed, as its own command would.
    """
    started = time.monotonic()
    photos, film, seen = folder / "photos", folder / "film.mp4", folder / "seen.mp4"
    _require_own(photos, film, seen)
    console.print(f"drawing {_PHOTOS_PER_CLASS} photos of each of {', '.join(PARTS)}, and a film, into {folder}")
    draw_photos(photos, _PHOTOS_PER_CLASS, seed)
    centred = draw_film(film, _FILM_SECONDS, _FPS, seed + 1)

    flags = " ".join(f"--{key.replace('_', '-')} {value}" for key, value in _OPTIONS.items())
    _say(f"edgetl train {photos} --name {NAME} {flags} --seed {seed}")
    stored = train(TrainOptions.collect(str(photos), NAME, {**_OPTIONS, "seed": seed}, None))

    _say(f"edgetl convert {NAME} --target rpi")
    bundle = convert(NAME, "rpi")

    _say(f"edgetl verify {bundle.folder}")
    reports = verify.verify(bundle.folder)
    console.print("\n".join(map(str, reports)))
    verify.require(reports, bundle.folder)

    _say(f"edgetl run {bundle.folder} --source {film} --save {seen}")
    labels = _run(bundle, film, seen)
    right = sum(labels[index] == label for index, label in centred)
    console.print(f"{right} of {len(centred)} parts named right as they pass the middle of the picture")
    _tell(stored, bundle, seen, time.monotonic() - started)


def _require_own(photos: Path, *films: Path) -> None:
    """Passes where nothing but an earlier demo's work would be replaced."""
    # The photos are drawn first: a film without them is none of ours.
    others = [path for path in (photos, *films) if path.exists() and not _drawn(photos)]
    if others:
        what, remedy = f"{others[0]} was not drawn by the demo, which would replace it", "name another --folder"
        raise UsageError(what, where=str(photos.parent), remedy=remedy)
    if not store.has(NAME):
        return
    model = store.open_model(NAME)
    origin = Path(model.card.dataset.path) if model.card.dataset else None
    if origin is None or not (origin.resolve() == photos.resolve() or _drawn(origin)):
        what = f"the store's model {NAME!r} was not trained by the demo, which would replace it"
        remedy = "rename its folder, or let EDGETL_MODELS name another store"
        raise UsageError(what, where=str(model.folder), remedy=remedy)


def _drawn(photos: Path) -> bool:
    """Whether a folder holds nothing but what the demo draws: LABEL/LABEL_0001.jpg and so on."""
    name = re.compile(rf"({'|'.join(PARTS)})(/\1_\d{{4}}\.jpg)?")
    return photos.is_dir() and all(name.fullmatch(path.relative_to(photos).as_posix()) for path in photos.rglob("*"))


def _run(bundle: Bundle, film: Path, seen: Path) -> list[str]:
    """Runs the bundle over the film; returns each frame's label."""
    labels: list[str] = []

    def note(frame: Frame, result: Classification) -> None:
        labels.append(result.labels[0] if result.labels else "")

    with Model.open(bundle.folder) as model, open_camera(str(film)) as camera, VideoFile(seen, fps=camera.fps) as sink:
        console.print(str(live.run(model, camera, [sink], on_result=note)))
    return labels


def _say(command: str) -> None:
    console.print(f"\n$ {command}", style="bold")


def _tell(stored: store.StoredModel, bundle: Bundle, seen: Path, seconds: float) -> None:
    console.print(
        f"\nDone in {seconds:.0f} s. Look at\n"
        f"  the annotated film   {seen}\n"
        f"  the report           {stored.folder / 'report' / 'index.html'}\n"
        f"  the proof            {bundle.folder / 'report.html'}\n"
        f"  the bundle           {bundle.folder}   copy it to the Raspberry Pi\n\n"
        "For your own things, put photos of each into a folder of its own, then\n"
        "  edgetl train FOLDER --name NAME\n"
        "  edgetl convert NAME --target rpi\n"
        "  edgetl run models/NAME/rpi --source 0"
    )
