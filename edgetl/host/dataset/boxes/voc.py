"""Pascal VOC: an XML for each photo, beside it or in `Annotations/` with the photos in `JPEGImages/`.

Format: http://host.robots.ox.ac.uk/pascal/VOC/voc2012/devkit_doc.pdf. Coordinates are taken as edges in px, as most
programs that write it mean them today.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path
from typing import NamedTuple
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

from edgetl.errors import DatasetError
from edgetl.host.dataset.boxes.annotation_text import class_name, head_of, listed, number, read_bytes, size_wh, written
from edgetl.host.dataset.boxes.boxed_photo import Annotations, Box, BoxedPhoto
from edgetl.host.dataset.boxes.tree import Tree, same_name
from edgetl.host.dataset.boxes.voc_lists import parts_of
from edgetl.host.dataset.parts import Part

_HEAD = 2000
_MOST_BYTES = 8 << 20
"""Of an XML: room for ten thousand boxes."""
_PHOTOS = ("JPEGImages", "images", "image", "imgs", "img", "photos")
_EDGES = ("xmin", "ymin", "xmax", "ymax")
_LISTS: tuple[tuple[str, Part], ...] = (("train", "train"), ("val", "val"), ("test", "test"))


class _Read(NamedTuple):
    """What an annotation says; `filename` is its photo's name there, perhaps empty."""

    file: Path
    filename: str
    boxes: tuple[Box, ...]
    size_wh: tuple[int, int] | None


class _Builder(ElementTree.TreeBuilder):
    """Refuses a DOCTYPE before its entities could grow without bounds."""

    def doctype(self, name: str, pubid: str, system: str) -> None:
        raise ValueError("it has a DOCTYPE, which annotations have no need of")


def recognise(tree: Tree) -> list[Path]:
    """Returns the XML files that are annotations, or lie where only annotations do."""
    return [file for file in tree.files(".xml") if _is_annotation(tree, file)]


def read(tree: Tree, files: Sequence[Path]) -> Annotations:
    """Reads the XML files.

    Raises:
        DatasetError: a file is not an annotation, or a list names a photo for two parts.
    """
    told = Annotations([], [], [])
    parts, notes = parts_of(tree, files)
    finder = _Finder(tree)
    texts = [_read_file(file) for file in files]
    near = [finder.near(text.file, text.filename) for text in texts]
    known = {path for path in near if path}
    for text, found in zip(texts, near, strict=True):
        path = found or finder.elsewhere(text.file, text.filename, known)
        if path is None:
            told.missing.append(f"{tree.name(text.file)}: {_base(text.filename) or text.file.stem}")
            continue
        part = parts[text.file] if text.file in parts else _part(tree, text.file, path)
        told.photos.append(BoxedPhoto(path, part, text.boxes, text.size_wh, str(text.file)))
    told.notes.extend([*notes, *finder.notes()])
    return told


def place(part: Part, name: str) -> str:
    """Returns where a photo lies."""
    return f"JPEGImages/{name}"


def write(folder: Path, photos: Sequence[BoxedPhoto]) -> None:
    """Writes `Annotations/`, and `ImageSets/Main/` where the photos have parts."""
    (folder / "Annotations").mkdir(parents=True)
    for photo in photos:
        document = _document(photo)
        ElementTree.indent(document)
        text = ElementTree.tostring(document, encoding="unicode") + "\n"
        (folder / "Annotations" / f"{photo.path.stem}.xml").write_text(text, encoding="utf-8")
    home = folder / "ImageSets" / "Main"
    for name, part in _LISTS:
        stems = [photo.path.stem for photo in photos if photo.part == part]
        if stems:
            home.mkdir(parents=True, exist_ok=True)
            (home / f"{name}.txt").write_text("\n".join(stems) + "\n", encoding="utf-8")


def _is_annotation(tree: Tree, file: Path) -> bool:
    if file.parent.name.lower() == "annotations" or tree.has_beside(file.stem, file.parent):
        return True
    return b"<annotation" in head_of(file, _HEAD)


class _Finder:
    """Finds the photo of each annotation, and remembers which ones contradict their own file's name.

    Attributes:
        others: `annotation: filename` of those whose `<filename>` isn't that of the photo found by the file's name.
    """

    def __init__(self, tree: Tree) -> None:
        self._tree = tree
        self._folders: dict[Path, list[Path]] = {}
        self.others: list[str] = []

    def near(self, file: Path, name: str) -> Path | None:
        """Returns the photo beside an annotation or in a folder for photos above it.

        The annotation's own file name counts more than its `<filename>`: files are renamed, and what is written
        inside stays as it was.

        Args:
            file: the annotation.
            name: its `<filename>`.
        """
        folders = self._photo_folders(file)
        named = self._tree.beside(name, folders) or self._tree.beside(_base(name), folders)
        if named and same_name(named.stem) == same_name(file.stem):
            return named
        own = self._tree.beside(file.stem, folders)
        if own:
            self._compare(file, name)
        return own or named

    def elsewhere(self, file: Path, name: str, known: Collection[Path]) -> Path | None:
        """Returns the only photo of an annotation's name in another folder, but in no other part of the split.

        Args:
            file: the annotation.
            name: its `<filename>`; it comes first only if it has the stem of the annotation's own name.
            known: photos that have an annotation already.
        """
        part = self._tree.part(file)
        for wanted in (name, file.stem) if _agrees(file, name) else (file.stem, name):
            rows = [path for path in self._tree.called(wanted) if path not in known]
            rows = [path for path in rows if not part or self._tree.part(path) in ("", part)]
            if rows and wanted == file.stem:
                self._compare(file, name)
            if rows:
                return self._tree.the_one(rows, wanted)
        return None

    def _compare(self, file: Path, name: str) -> None:
        if name and not _agrees(file, name):
            self.others.append(f"{self._tree.name(file)}: {_base(name)}")

    def notes(self) -> list[str]:
        """Returns what the reader should be told."""
        what = "annotations name another photo in <filename> than their own file does: the file's name counts"
        return [f"{len(self.others)} {what}: {listed(self.others)}"] if self.others else []

    def _photo_folders(self, file: Path) -> list[Path]:
        """The annotation's own folder; then from the inside out those beside it that hold photos, as `images/`."""
        home = file.parent
        if home not in self._folders:
            folders = [home]
            above = [folder for folder in home.parents if folder.is_relative_to(self._tree.root)]
            for folder in above:
                below = Path(*home.relative_to(folder).parts[1:])
                folders += [folder / photos / below for photos in _PHOTOS]
                folders += [folder / photos for photos in _PHOTOS if below.parts] + [folder]
            self._folders[home] = folders
        return self._folders[home]


def _part(tree: Tree, file: Path, path: Path) -> Part:
    """The part that the photo's folder names, or else the annotation's; what lies in a `test/` is never trained on."""
    own, annotated = tree.part(path), tree.part(file)
    return "test" if "test" in (own, annotated) else own or annotated


def _agrees(file: Path, name: str) -> bool:
    """Whether a `<filename>`, with its suffix or without, is that of the annotation's own file."""
    base = _base(name)
    return same_name(file.stem) in (same_name(base), same_name(Path(base).stem))


def _base(name: str) -> str:
    return name.replace("\\", "/").rpartition("/")[2]


def _read_file(file: Path) -> _Read:
    document = _parse(file)
    size = size_wh(document.findtext("size/width"), document.findtext("size/height"), str(file))
    return _Read(file, document.findtext("filename", "").strip(), _boxes(document, file), size)


def _parse(file: Path) -> Element:
    remedy = "mend or remove the file, or export the annotations again as Pascal VOC"
    try:
        document = ElementTree.fromstring(read_bytes(file, _MOST_BYTES), ElementTree.XMLParser(target=_Builder()))
    except ElementTree.ParseError as error:
        line = error.position[0]
        raise DatasetError(f"is not XML: {error}", where=f"{file}:{line}", remedy=remedy) from error
    except (ValueError, LookupError) as error:  # LookupError: an encoding that Python doesn't know
        raise DatasetError(f"the XML is refused: {error}", where=str(file), remedy=remedy) from error
    if document.tag != "annotation":
        what = f"is not a Pascal VOC annotation: it begins with <{document.tag:.40}>, not with <annotation>"
        raise DatasetError(what, where=str(file), remedy=remedy)
    return document


def _boxes(document: Element, file: Path) -> tuple[Box, ...]:
    boxes = []
    for count, thing in enumerate(document.findall("object"), start=1):
        label = class_name(thing.findtext("name", ""), f"object {count}", str(file))
        if thing.find("bndbox") is None:
            raise DatasetError(f"object {count} ({label}) has no bndbox", where=str(file), remedy="draw its box")
        x1, y1, x2, y2 = (
            number(thing.findtext(f"bndbox/{edge}"), f"<{edge}> of object {count}", str(file)) for edge in _EDGES
        )
        difficult = thing.findtext("difficult", "0").strip().lower() in ("1", "true")
        boxes.append(Box(label, (x1, y1, x2, y2), difficult=difficult))
    return tuple(boxes)


def _document(photo: BoxedPhoto) -> Element:
    document = Element("annotation")
    _put(document, "folder", photo.path.parent.name)
    _put(document, "filename", photo.path.name)
    size = ElementTree.SubElement(document, "size")
    for key, value in zip(("width", "height", "depth"), (*(photo.size_wh or (0, 0)), 3), strict=True):
        _put(size, key, str(value))
    for box in photo.boxes:
        thing = ElementTree.SubElement(document, "object")
        _put(thing, "name", box.label)
        _put(thing, "difficult", str(int(box.difficult)))
        edges = ElementTree.SubElement(thing, "bndbox")
        for edge, at in zip(_EDGES, box.xyxy, strict=True):
            _put(edges, edge, written(at))
    return document


def _put(parent: Element, tag: str, text: str) -> None:
    ElementTree.SubElement(parent, tag).text = text
