"""Fetches the frames that a device collected, and lays them out for labelling: what `edgetl pull` does."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from edgetl.argument_types import path_argument, text_argument
from edgetl.errors import EdgetlError, ModelError, UsageError
from edgetl.files import friendly_os_errors, sha256_of
from edgetl.host.console import track
from edgetl.host.dataset.boxes.formats import FORMATS, Format
from edgetl.host.dataset.known_photos import KnownPhotos
from edgetl.host.dataset.list_files import PULLED, files_below
from edgetl.host.dataset.photos import read_record, read_records
from edgetl.host.deploy.collected_frame import CollectedFrame, read_frame
from edgetl.host.deploy.frame_sources import DeviceFolder, FrameSource, LocalFolder
from edgetl.host.deploy.proposals import NO_PROPOSAL, FetchedFrame, lay_out_boxes, lay_out_classes
from edgetl.host.deploy.pull_record import PulledFrame, PullRecord
from edgetl.host.deploy.pull_result import PullResult
from edgetl.locks import named_lock

_BATCH = 50
"""At most this many frames are fetched at once, so that an interrupted pull loses little without rsync."""
_TRIES = 3
"""Frames that the device deleted while they were fetched are left out so many times before the error counts."""


@dataclass(slots=True)
class _Sorted:
    """Fetched frames by what becomes of them."""

    new: list[FetchedFrame] = field(default_factory=list)
    duplicates: list[str] = field(default_factory=list)
    unusable: list[str] = field(default_factory=list)


def pull(
    folder: Path | str,
    host: str | None = None,
    *,
    source: Path | str | None = None,
    remote: str | None = None,
    delete: bool = False,
    boxes: Format = "coco",
) -> PullResult:
    """Fetches collected frames that are new here, and lays them out below `folder/proposed/`.

    Nothing here is overwritten, and a frame that was fetched once never comes back. After an interruption the next
    call goes on where this one ended.

    Args:
        folder: the folder to fetch into; it is made if it isn't there.
        host: the device as the ssh command takes it; None if `source` is given.
        source: a folder of this machine to copy from, such as an SD card.
        remote: the folder on the device, relative to the user's home there; None takes the one that the deployed run
            collects into.
        delete: whether frames are deleted there once they have been verified here.
        boxes: the format of a detector's proposed boxes.

    Raises:
        UsageError: not exactly one of a device and a folder is named, or there is no such folder.
        BusyError: another process fetches into the folder.
        EdgetlError: the device can't be reached, has collected nothing, or the disk is full.
    """
    into = path_argument(folder, "folder")
    if boxes not in FORMATS:
        raise UsageError(f"there is no format {boxes!r}", remedy=f"choose from {', '.join(FORMATS)}")
    with ExitStack() as stack:
        frames = _source(host, source, remote, stack)
        digests = frames.digests()
        incoming = stack.enter_context(_incoming(into))
        record = PullRecord(into / PULLED / "frames.jsonl")
        stems = _whole(digests)
        wanted = [stem for stem in stems if record.outcome(digests[f"{stem}.jpg"]) is None]
        received, damaged, digests = _fetch(frames, wanted, digests, incoming)
        fetched = [stem for stem in wanted if stem not in damaged and f"{stem}.jpg" in digests]
        found = _sort(into, incoming, fetched)
        _place(into, found, digests, record, boxes)
        deleted = _delete(frames, _whole(digests), digests, record) if delete else 0
        return PullResult(
            folder=into,
            source=frames.shown,
            found=len(stems),
            bytes=received,
            proposed=_proposed(found.new),
            reasons=dict(Counter(one.frame.reason for one in found.new).most_common()),
            boxes=sum(len(one.frame.boxes or ()) for one in found.new),
            duplicates=len(found.duplicates),
            unusable=len(found.unusable) + len(damaged),
            deleted=deleted,
        )


def _source(host: str | None, source: Path | str | None, remote: str | None, stack: ExitStack) -> FrameSource:
    if (host is None) == (source is None):
        remedy = "name a device, as in `edgetl pull pi@camera DIR`, or a folder, as in `edgetl pull --from SD-CARD DIR`"
        raise UsageError("frames are fetched from one place: a device or a folder", remedy=remedy)
    if source is not None:
        if remote is not None:
            raise UsageError("--remote goes with a device", remedy="name the folder with --from alone")
        return LocalFolder(path_argument(source, "source"))
    from edgetl.host.deploy.transport import Ssh

    return DeviceFolder(stack.enter_context(Ssh(text_argument(host, "host"))), remote)


@contextmanager
def _incoming(folder: Path) -> Iterator[Path]:
    """Yields the folder for files that are being fetched, which another pull doesn't use meanwhile."""
    incoming = folder / PULLED / "incoming"
    with friendly_os_errors(incoming):
        incoming.mkdir(parents=True, exist_ok=True)
    with named_lock(folder / PULLED / "lock", "frames are being fetched into this folder", "wait until it has ended"):
        yield incoming


def _whole(digests: dict[str, str]) -> list[str]:
    """Returns the names of the frames of which both files are there, the earliest first."""
    stems = {name.removesuffix(".jpg") for name in digests if name.endswith(".jpg")}
    return sorted(stem for stem in stems if f"{stem}.json" in digests)


def _files(stems: Sequence[str]) -> list[str]:
    return [f"{stem}{suffix}" for stem in stems for suffix in (".jpg", ".json")]


def _fetch(
    frames: FrameSource, wanted: Sequence[str], digests: dict[str, str], incoming: Path
) -> tuple[int, set[str], dict[str, str]]:
    """Fetches the files that have not come before, and verifies all of them.

    Returns:
        The number of bytes that came, the frames whose files differ from the device's, and the digests there.
    """
    received = 0
    for start in track(range(0, len(wanted), _BATCH), "Fetching frames", -(-len(wanted) // _BATCH)):
        for tries in reversed(range(_TRIES)):
            batch = [stem for stem in wanted[start : start + _BATCH] if f"{stem}.jpg" in digests]
            missing = [name for name in _files(batch) if not _is_whole(incoming / name, digests.get(name))]
            try:
                received += frames.fetch(missing, incoming) if missing else 0
                break
            except EdgetlError:
                digests = frames.digests()  # a full folder on the device drops its oldest frames
                if not tries or all(name in digests for name in missing):
                    raise
    here = [stem for stem in wanted if f"{stem}.jpg" in digests]
    damaged = {stem for stem in here if not all(_is_whole(incoming / n, digests.get(n)) for n in _files([stem]))}
    return received, damaged, digests


def _is_whole(path: Path, digest: str | None) -> bool:
    return digest is not None and path.is_file() and not path.is_symlink() and sha256_of(path) == digest


def _sort(folder: Path, incoming: Path, stems: Sequence[str]) -> _Sorted:
    """Tells new photos from copies and near duplicates of photos that are in the folder, and from unusable files."""
    found = _Sorted()
    if not stems:
        return found
    known = KnownPhotos(read_records(folder, files_below(folder).photos))
    for stem in track(stems, "Comparing photos", len(stems)):
        photo = incoming / f"{stem}.jpg"
        record, _ = read_record(photo, None)
        frame = _described(incoming / f"{stem}.json")
        if record.error or frame is None:
            found.unusable.append(stem)
            continue
        if record in known:
            found.duplicates.append(stem)
            continue
        known.add(record)
        found.new.append(FetchedFrame(frame, photo, (record.width, record.height)))
    return found


def _described(path: Path) -> CollectedFrame | None:
    try:
        return read_frame(path)
    except ModelError:
        return None


def _place(folder: Path, found: _Sorted, digests: dict[str, str], record: PullRecord, boxes: Format) -> None:
    """Lays out the new photos, records what became of every frame, and removes what is no longer needed."""
    incoming = folder / PULLED / "incoming"
    classified = [one for one in found.new if one.frame.boxes is None]
    boxed = [one for one in found.new if one.frame.boxes is not None]
    places = list(zip(classified, lay_out_classes(folder, classified), strict=True))
    if boxed:
        places += zip(boxed, lay_out_boxes(folder, boxed, boxes), strict=True)
    rows = [
        PulledFrame(one.frame.name, digests[f"{one.frame.name}.jpg"], "proposed", str(place.relative_to(folder)))
        for one, place in places
    ]
    rows += [PulledFrame(stem, digests[f"{stem}.jpg"], "duplicate") for stem in found.duplicates]
    rows += [PulledFrame(stem, digests[f"{stem}.jpg"], "unusable") for stem in found.unusable]
    if rows:
        record.add(rows)
    for row in rows:
        for name in _files([row.name]):
            (incoming / name).unlink(missing_ok=True)


def _delete(frames: FrameSource, stems: Sequence[str], digests: dict[str, str], record: PullRecord) -> int:
    """Deletes the frames that were verified here; the description goes first, so that no half frame counts."""
    done = [stem for stem in stems if record.outcome(digests[f"{stem}.jpg"]) in ("proposed", "duplicate")]
    if done:
        frames.delete([*(f"{stem}.json" for stem in done), *(f"{stem}.jpg" for stem in done)])
    return len(done)


def _proposed(new: Sequence[FetchedFrame]) -> dict[str, int]:
    """Returns the number of photos of each proposed class; a photo with several boxes counts for each class once."""
    counts: Counter[str] = Counter()
    for one in new:
        labels = {box.label for box in one.frame.boxes or ()} or {one.frame.label or NO_PROPOSAL}
        counts.update(labels)
    return dict(counts.most_common())
