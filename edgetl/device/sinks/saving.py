"""What `--save` makes of a source: a film, films in pieces, or photos."""

from __future__ import annotations

from pathlib import Path

from edgetl.device.camera.photos import Photos
from edgetl.device.camera.protocol import Camera
from edgetl.device.sinks import Sink
from edgetl.device.sinks.drawing import Drawing
from edgetl.device.sinks.photo_files import WRITTEN, PhotoFiles
from edgetl.device.sinks.video.file import VideoFile
from edgetl.device.sinks.video.rolling import EVERY, RollingVideo
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
    """Returns the sink that saves what a run shows.

    Args:
        path: the film, the photo or the folder to write.
        camera: the source: photos go into a folder as photos, anything else as films in pieces.
        folder: whether `path` is a folder.
        every: seconds of film that a piece has; None leaves that to `most` and `folder`.
        most: bytes that all pieces may take; None sets no limit.
        drawing: puts results onto pictures.

    Raises:
        UsageError: the path can't be what the source becomes, or a photo would be overwritten.
    """
    in_pieces = every is not None or most is not None
    if isinstance(camera, Photos) and not in_pieces and (folder or path.suffix.lower() in WRITTEN):
        return _photos(path, camera, folder, drawing)
    if folder:
        path, in_pieces = path / "film.mp4", True
    if path.suffix.lower() != ".mp4":
        raise UsageError("a film is saved as .mp4", where=str(path), remedy=_REMEDY)
    if not in_pieces:
        return VideoFile(path, fps=camera.fps, live=camera.live, drawing=drawing)
    return RollingVideo(path, every=every or EVERY, most=most, fps=camera.fps, live=camera.live, drawing=drawing)


def _photos(path: Path, photos: Photos, folder: bool, drawing: Drawing) -> PhotoFiles:
    if not folder and len(photos) > 1:
        what = f"{len(photos)} photos can't be saved as one"
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
