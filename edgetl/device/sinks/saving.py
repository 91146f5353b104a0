"""Chooses what `--save` writes: one film, a rolling film in pieces, or photos."""

from __future__ import annotations

from pathlib import Path

from edgetl.device.camera.photos import Photos
from edgetl.device.camera.protocol import Camera
from edgetl.device.sinks import Sink
from edgetl.device.sinks.drawing import Drawing
from edgetl.device.sinks.photo_files import WRITABLE_SUFFIXES, PhotoFiles
from edgetl.device.sinks.video.file import VideoFile
from edgetl.device.sinks.video.rolling_film import DEFAULT_SECONDS, RollingVideo
from edgetl.errors import UsageError
from edgetl.vision.draw import draw

_REMEDY = "name a film, as in --save film.mp4, a folder, as in --save seen/, or for a photo --save seen.jpg"


def open_saving(
    path: Path,
    camera: Camera,
    *,
    folder: bool = False,
    every: float | None = None,
    most: int | None = None,
    drawing: Drawing = draw,
) -> Sink:
    """Returns the sink that saves the annotated pictures of a run.

    Args:
        path: the film, the photo or the folder to write.
        camera: the source; in a folder, photos are saved as photos, and films and cameras as a rolling film.
        folder: whether `path` is a folder.
        every: the length of a piece of the film, s; None saves one film, unless `most` or `folder` is set.
        most: the most bytes that all pieces may take; None sets no limit.
        drawing: draws a result onto a picture.

    Raises:
        UsageError: the path has the wrong suffix for the source, or a source's photo would be overwritten.
    """
    in_pieces = every is not None or most is not None
    if isinstance(camera, Photos) and not in_pieces and (folder or path.suffix.lower() in WRITABLE_SUFFIXES):
        return _photos(path, camera, folder, drawing)
    if folder:
        path, in_pieces = path / "film.mp4", True
    if path.suffix.lower() != ".mp4":
        raise UsageError("a film is saved as .mp4", where=str(path), remedy=_REMEDY)
    if not in_pieces:
        return VideoFile(path, fps=camera.fps, live=camera.live, drawing=drawing)
    return RollingVideo(
        path, every=every or DEFAULT_SECONDS, most=most, fps=camera.fps, live=camera.live, drawing=drawing
    )


def _photos(path: Path, photos: Photos, folder: bool, drawing: Drawing) -> PhotoFiles:
    if not folder and len(photos) > 1:
        what = f"{len(photos)} photos can't be saved as one file"
        raise UsageError(what, where=str(path), remedy="name a folder, as in --save seen/")
    if folder and path.is_dir() and any(_is_folder_of(photo, path) for photo in photos.paths):
        what = "--save would overwrite the source"
        raise UsageError(what, where=str(path), remedy="name another folder, as in --save seen/")
    return PhotoFiles(path, single=not folder, drawing=drawing)


def _is_folder_of(photo: Path, folder: Path) -> bool:
    try:
        return photo.parent.samefile(folder)
    except OSError:
        return False
