"""The example of the package itself."""

from __future__ import annotations

import doctest
import re
import shutil

import edgetl
from edgetl import Model


def test_the_example_of_the_package_runs(home):
    shutil.copy("photos/disc/00.jpg", "bolt.jpg")
    text = edgetl.__doc__.replace("models/parts/rpi", str(home.bundle))
    (example,) = doctest.DocTestFinder(recurse=False).find(edgetl, "edgetl")
    assert len(example.examples) == 4
    printed: list[str] = []
    names = {"print": lambda value: printed.append(str(value))}
    exec("".join(part.source for part in doctest.DocTestParser().get_examples(text)), names)
    said = printed[0].removeprefix("unsure: ")
    assert said.split()[0] in Model.open(home.bundle).card.labels
    assert re.fullmatch(r"\w+ \d+%", said)
    assert re.fullmatch(r"\w+ \d+%", example.examples[-1].want.strip())
