"""Pascal VOC: an XML for each photo, beside it or in `Annotations/` with the photos in `JPEGImages/`.

Format: http://host.robots.ox.ac.uk/pascal/VOC/voc2012/devkit_doc.pdf. Coordinates are taken as edges in px, as most
programs that write it mean them today.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

from edgetl.errors import DatasetError
from edgetl.host.dataset.boxes import Annotations, Box, BoxedPhoto, listed, number, written
from edgetl.host.dataset.folders import Part
from edgetl.host.dataset.tree import Tree, read_text

_HEAD = 2000
_EDGES = ("xmin", "ymin", "xmax", "ymax")
_LISTS: tuple[tuple[str, Part], ...] = (("train", "train"), ("val", "val"), ("test", "test"))


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
    lists: dict[Path, dict[str, Part]] = {}
    named: set[tuple[Path, str]] = set()
    for file in files:
        home = file.parent.parent / "ImageSets" / "Main"
        if home not in lists:
            lists[home] = _parts(home)
        document = _parse(file)
        folders = _photo_folders(tree, file)
        name = document.findtext("filename", "").replace("\\", "/").rpartition("/")[2]
        path = tree.beside(name, folders) or tree.beside(file.stem + ".jpg", folders)
        if path is None:
            told.missing.append(f"{tree.name(file)}: {name or file.stem}")
            continue
        part = lists[home].get(file.stem, "") if lists[home] else tree.part(path)
        named.add((home, file.stem))
        told.photos.append(BoxedPhoto(path, part, _boxes(document, file), _size(document, file), str(file)))
    lost = sorted(stem for home, rows in lists.items() for stem in rows if (home, stem) not in named)
    if lost:
        told.notes.append(f"ImageSets lists {len(lost)} photos that have no annotation: {listed(lost)}")
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
    if file.parent.name.lower() == "annotations" or tree.beside(file.stem + ".jpg", [file.parent]):
        return True
    with file.open("rb") as stream:
        return b"<annotation" in stream.read(_HEAD)


def _photo_folders(tree: Tree, file: Path) -> list[Path]:
    folders = [file.parent]
    if file.parent != tree.root and file.parent.name.lower() in ("annotations", "labels", "xml", "xmls"):
        up = file.parent.parent
        folders += [up / "JPEGImages", up / "images", up]
    return folders


def _parts(home: Path) -> dict[str, Part]:
    """The part of each annotation by its stem, from the lists in `ImageSets/Main/`; empty where there are none."""
    parts: dict[str, Part] = {}
    present = {name for name, _ in _LISTS if (home / f"{name}.txt").is_file()}
    joint = () if present & {"train", "val"} else (("trainval", "train"),)
    for name, part in (*_LISTS, *joint):
        file = home / f"{name}.txt"
        for line in read_text(file).splitlines() if file.is_file() else ():
            stem = line.strip()
            if stem and parts.setdefault(stem, part) != part:
                what = f"{stem} is listed for {parts[stem]} and for {part}"
                raise DatasetError(what, where=str(file), remedy="list each photo for one part")
    return parts


def _parse(file: Path) -> Element:
    remedy = "mend or remove the file"
    try:
        document = ElementTree.fromstring(file.read_bytes(), ElementTree.XMLParser(target=_Builder()))
    except ElementTree.ParseError as error:
        line = error.position[0]
        raise DatasetError(f"is not XML: {error}", where=f"{file}:{line}", remedy=remedy) from error
    except (ValueError, LookupError) as error:  # LookupError: an encoding that Python doesn't know
        raise DatasetError(f"the XML is refused: {error}", where=str(file), remedy=remedy) from error
    if document.tag != "annotation":
        what = f"is not a Pascal VOC annotation: it begins with <{document.tag:.40}>, not with <annotation>"
        raise DatasetError(what, where=str(file), remedy=remedy)
    return document


def _size(document: Element, file: Path) -> tuple[int, int] | None:
    texts = [document.findtext(f"size/{key}") for key in ("width", "height")]
    if None in texts:
        return None
    width, height = (
        int(number(text, f"<{key}>", str(file))) for text, key in zip(texts, ("width", "height"), strict=True)
    )
    return (width, height) if width > 0 and height > 0 else None  # some programs write 0 where they don't know


def _boxes(document: Element, file: Path) -> tuple[Box, ...]:
    boxes = []
    for count, thing in enumerate(document.findall("object"), start=1):
        label = thing.findtext("name", "")
        if not label.strip():
            raise DatasetError(f"object {count} has no name", where=str(file), remedy="name its class")
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
