"""Reads and writes Pascal VOC: an XML for each photo, beside it or in `Annotations/` with photos in `JPEGImages/`.

Format: http://host.robots.ox.ac.uk/pascal/VOC/voc2012/devkit_doc.pdf. Coordinates are read as edges in px, which is
how most programs write them today.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

from edgetl.errors import DatasetError
from edgetl.host.dataset.boxes.annotation_text import class_name, format_px, head_of, number, read_bytes, size_wh
from edgetl.host.dataset.boxes.boxed_photo import Annotations, Box, BoxedPhoto
from edgetl.host.dataset.boxes.tree import Tree
from edgetl.host.dataset.boxes.voc_lists import parts_of
from edgetl.host.dataset.boxes.voc_photos import PhotoFinder, base_name
from edgetl.host.dataset.split_parts import Part

_HEAD = 2000
"""An annotation is recognised by this many bytes at its beginning."""

_MOST_BYTES = 8 << 20
"""An XML file may have at most this many bytes, which is room for ten thousand boxes."""

_EDGES = ("xmin", "ymin", "xmax", "ymax")
_LISTS: tuple[tuple[str, Part], ...] = (("train", "train"), ("val", "val"), ("test", "test"))


class _Read(NamedTuple):
    """The content of an annotation.

    Attributes:
        file: the XML file.
        filename: the name of the photo in it; may be empty.
        boxes: the boxes.
        size_wh: width and height of the photo, px; None if unknown.
    """

    file: Path
    filename: str
    boxes: tuple[Box, ...]
    size_wh: tuple[int, int] | None


class _Builder(ElementTree.TreeBuilder):
    """Builds the XML tree and refuses a DOCTYPE, whose entities could grow without bounds."""

    def doctype(self, name: str, pubid: str, system: str) -> None:
        raise ValueError("it has a DOCTYPE, which annotations don't need")


def recognise(tree: Tree) -> list[Path]:
    """Returns the XML files that are annotations, or lie in a place where only annotations lie."""
    return [file for file in tree.files(".xml") if _is_annotation(tree, file)]


def read(tree: Tree, files: Sequence[Path]) -> Annotations:
    """Reads the XML files.

    Raises:
        DatasetError: a file is not an annotation, or a list names a photo for two parts.
    """
    annotations = Annotations()
    parts, notes = parts_of(tree, files)
    finder = PhotoFinder(tree)
    contents = [_read_file(file) for file in files]
    near = [finder.near(content.file, content.filename) for content in contents]
    annotated = {path for path in near if path}
    for content, found in zip(contents, near, strict=True):
        path = found or finder.elsewhere(content.file, content.filename, annotated)
        if path is None:
            annotations.missing.append(f"{tree.name(content.file)}: {base_name(content.filename) or content.file.stem}")
            continue
        part = parts[content.file] if content.file in parts else _part(tree, content.file, path)
        annotations.photos.append(BoxedPhoto(path, part, content.boxes, content.size_wh, str(content.file)))
    annotations.notes.extend([*notes, *finder.notes()])
    return annotations


def place(part: Part, name: str) -> str:
    """Returns the path of a photo below the data set's folder."""
    return f"JPEGImages/{name}"


def write(folder: Path, photos: Sequence[BoxedPhoto]) -> None:
    """Writes `Annotations/`, and `ImageSets/Main/` if the photos have parts."""
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


def _part(tree: Tree, file: Path, path: Path) -> Part:
    """Returns the part that the folder of the photo or of the annotation names; `test` has precedence."""
    own, annotated = tree.part(path), tree.part(file)
    return "test" if "test" in (own, annotated) else own or annotated


def _read_file(file: Path) -> _Read:
    document = _parse(file)
    size = size_wh(document.findtext("size/width"), document.findtext("size/height"), str(file))
    return _Read(file, document.findtext("filename", "").strip(), _boxes(document, file), size)


def _parse(file: Path) -> Element:
    remedy = "correct or remove the file, or export the annotations again as Pascal VOC"
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
            _put(edges, edge, format_px(at))
    return document


def _put(parent: Element, tag: str, text: str) -> None:
    ElementTree.SubElement(parent, tag).text = text
