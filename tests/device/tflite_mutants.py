"""Damaged copies of model files, opened as `edgetl run` opens them; what became of them, counted.

As a program, in a process of its own: `python tflite_mutants.py FOLDER FIRST END`, for the mutants of every file in
FOLDER.
"""

from __future__ import annotations

import json
import random
import resource
import sys
from collections import Counter
from pathlib import Path

import numpy as np

EDGES = (0, 1, 2, 0x7F, 0x80, 0xFF)


def mutant(content: bytes, seed: int) -> bytes:
    """A copy of a file with a few bytes or words changed, a part cut out, doubled or moved, or its end cut off."""
    chance = random.Random(seed)
    data = bytearray(content)
    kind = chance.random()
    if kind < 0.1:
        return bytes(data[: chance.randrange(len(data))])
    if kind < 0.2:
        start = chance.randrange(len(data))
        part = data[start : start + chance.randrange(1, 64)]
        at = chance.randrange(len(data))
        data[at : at + chance.choice((0, len(part)))] = part
        return bytes(data)
    for _ in range(chance.randrange(1, 4)):
        at = chance.randrange(len(data) - 4)
        if kind < 0.6:
            data[at] = chance.choice((*EDGES, chance.randrange(256)))
        else:  # a word, where the format has its offsets, counts and sizes
            word = chance.choice((0, 1, 2**31 - 1, 2**31, 2**32 - 1, 2**16, chance.randrange(2**32), len(data)))
            at -= at % 4
            data[at : at + 4] = word.to_bytes(4, "little")
    return bytes(data)


def outcome(path: Path, labels: Path | None) -> str:
    """What comes of a file: `opened`, or the class of the error."""
    from edgetl.device.inference.model import Model
    from edgetl.errors import EdgetlError

    try:
        with Model.open(path, labels=labels) as model:
            json.dumps(model(np.full((40, 50, 3), 77, np.uint8)).to_dict(), allow_nan=False)
    except EdgetlError as error:
        shown = str(error).replace("\n", "").isprintable()
        return f"{type(error).__name__} {error.exit_code}" if shown else "an error that can't be shown"
    return "opened"


def main(folder: Path, first: int, end: int) -> None:
    """Prints how many came to what, and the most memory in MB that this process, and any child, took."""
    bases = sorted((folder / "bases").iterdir())
    labels = folder / "labels.txt"
    counts: Counter[str] = Counter()
    for number in range(first, end):
        base = bases[number % len(bases)]
        path = folder / f"{first}.tflite"
        path.write_bytes(mutant(base.read_bytes(), number))
        (folder / f"{first}.last").write_text(f"{base.name} {number}")
        counts[outcome(path, None if base.name.startswith("own") else labels)] += 1
    # Not getrusage of this process: that would count the memory of the one that started it, too.
    own = int(Path("/proc/self/status").read_text().split("VmHWM:")[1].split()[0]) >> 10
    children = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss >> 10
    print(json.dumps({"counts": counts, "MB": [own, children]}))


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
