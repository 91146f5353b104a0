"""Mutants of annotation files: what a careless editor, a broken program or an attacker makes of them.

`python tests/host/dataset/boxes/annotation_mutants.py FORMAT COUNT FOLDER` checks `COUNT` data sets, and prints how
they ended and how much memory that took.
"""

from __future__ import annotations

import json
import random
import re
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[3]))  # where `boxed` is, for a run as a script

from boxed import coco_text, csv_text, draw_photo, put, xml_text
from load import peak_memory
from mutants import NASTY, mutants

from edgetl.errors import EdgetlError
from edgetl.host.dataset.boxes.check import check_boxes

ROWS = [("ace", 10, 20, 60, 70), ("king of hearts", 80.5, 20, 130, 90)]
PHOTOS = {"a.jpg": ROWS, "b.jpg": ROWS[:1]}
XML = {f"{name[0]}.xml": xml_text(name, rows) for name, rows in PHOTOS.items()}
LINES = "0 0.5 0.5 0.25 0.25\n1 0.2 0.2 0.4 0.2 0.4 0.4\n"
YAML = "path: .\ntrain: [.]\nval: 'b.txt'\ntest: \nkpt_shape: [1, 2]\nnc: 2\nnames:\n  0: ace\n  1: \"king\"\n"
DATA = "classes = 2\ntrain = data/train.txt\nvalid = valid.txt\nnames = data/obj.names\nbackup = backup/\n"

SEEDS: dict[str, dict[str, str]] = {
    "voc": XML,
    "coco": {"annotations/instances.json": coco_text(PHOTOS)},
    "csv": {"labels.csv": csv_text(PHOTOS)},
    "yolo": {"a.txt": LINES, "b.txt": LINES, "data.yaml": "train: .\nval: .\nnames: [ace, king]\n"},
    "yaml": {"data.yaml": YAML, "a.txt": "0 .5 .5 .2 .2 .1 .1\n", "b.txt": "1 .5 .5 .2 .2\n"},
    "darknet": {
        "obj.data": DATA,
        "obj.names": "ace\nking\n",
        "train.txt": "data/a.jpg\n",
        "valid.txt": "b.jpg\n",
        "a.txt": "0 .5 .5 .2 .2\n",
        "b.txt": "1 .5 .5 .2 .2\n",
    },
    "lists": {
        "ImageSets/Main/train.txt": "a 1\n",
        "ImageSets/Main/val.txt": '"b.jpg" -1\n',
        **{f"Annotations/{name}": text for name, text in XML.items()},
    },
}
"""The sound files of a small data set for each kind of text."""

CHANGED = {"yolo": 2, "yaml": 1, "lists": 2}
"""How many of these files, counted from the first, are changed; all of them if it isn't stated."""

VALUE = {"voc": rb"(?<=>)[^<>]+(?=<)", "coco": rb'-?\d[\d.]*|"[^"]*"'}
"""What a value is in a text; changed alone, it leaves the text in its format."""

WORDS = (
    "",
    " ",
    "a",
    "b.jpg",
    "../b",
    "/",
    ".",
    "-1",
    "0.5",
    "1e9",
    "1_0",
    "\x1b[0m",
    "\x85",
    "\u2028",
    "\u202e",
    "ａ",
    "e\u0301",
)


def value_mutants(content: bytes, count: int, seed: int, kind: str) -> Iterator[bytes]:
    """Yields copies in which one or two values have been exchanged for others; see `mutants.mutants`."""
    chance = random.Random(seed)
    spans = [match.span() for match in re.finditer(VALUE.get(kind, rb"[\w./-]+"), content)]
    values = [content[slice(*span)] for span in spans]
    for _ in range(count):
        text = content
        for start, end in sorted(chance.sample(spans, chance.choice((1, 1, 2)) if len(spans) > 1 else 1), reverse=True):
            new = chance.choice((chance.choice(values), chance.choice(NASTY), chance.choice(WORDS).encode()))
            quoted = kind == "coco" and text[start:end].startswith(b'"') and not new.startswith(b'"')
            text = text[:start] + (b'"' + new + b'"' if quoted else new) + text[end:]
        yield text


def check_mutants(kind: str, count: int, root: Path) -> Counter[str]:
    """Checks mutants of a format's files, half of them of single values, and counts how they ended.

    Args:
        kind: a key of `SEEDS`.
        count: how many mutants.
        root: an empty folder for the data set.
    """
    files = SEEDS[kind]
    for name in PHOTOS:
        draw_photo(root / name)
    for name, text in files.items():
        put(root / name, text)
    check_boxes(root)
    ends: Counter[str] = Counter()
    names = list(files)[: CHANGED.get(kind)]
    for seed, name in enumerate(names):
        sound = files[name].encode()
        each = -(-count // (2 * len(names)))
        for changed in (*mutants(sound, each, seed), *value_mutants(sound, each, seed, kind)):
            (root / name).write_bytes(changed)
            ends[_end(root)] += 1
        put(root / name, files[name])
    return ends


def _end(root: Path) -> str:
    try:
        report = check_boxes(root).report
        json.dumps(report.to_dict(), allow_nan=False)
        report.to_text().encode()
    except EdgetlError as error:
        return "refused" if len(str(error)) < 5000 else "refused with a message that fills the screen"
    return "unusable" if report.problems else "usable"


if __name__ == "__main__":
    ended = check_mutants(sys.argv[1], int(sys.argv[2]), Path(sys.argv[3]))
    print(sys.argv[1], ended.total(), dict(ended), peak_memory() >> 20, "MiB")
