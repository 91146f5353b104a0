"""The rules of prose that a program can check: docstrings have no fragments, and their first sentences stand alone.

`python tests/plain_english.py edgetl/vision` lists what breaks the rules in the files below a folder.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path

from docstrings import Docstring, Entry, docstrings

_PREPOSITION = (
    "of|by|in|for|to|with|from|on|at|as|into|onto|over|under|between|within|without|through|per|than|since|until|like"
    "|among|beyond|beside|besides|before|after"
)
_PRONOUN = (
    "which|that|those|these|them|they|such|others|none|neither|ones|likewise|the same(?=[,.;]|$| of| as| for| where)"
)
_VERB = "it|see|is|was|are|were|has|had|have|can|may|must|been|be|does|did|do|gives|says"
_NO_NOUN = re.compile(rf"(?:{_PREPOSITION}|{_PRONOUN}|{_VERB})\b", re.IGNORECASE)
_NO_SENTENCE = re.compile(rf"(?!at (?:most|least) )(?:{_PREPOSITION}|{_PRONOUN})\b", re.IGNORECASE)
_PARTICIPLE = re.compile(
    r"(?:(?!seed|speed|need)\w+ed|given|told|made|taken|kept|found|seen|drawn) (?:on|by|in|from|at|as|with|to|of)\b"
)
_QUESTION = re.compile(r"(?:how|what|when|where|why|who)( \S+){0,2}")
_MEASURE = re.compile(
    r"(?:\((?:[^()]|\([^)]*\))*\)|[-\d][\d.,]*|(?:px|ms|s|u?int\d*|float\d*|bool|BGR|RGB|C-contiguous)\b|[,.;: ]+)*"
)
"""A shape, a type, a range or a unit, which may stand before a noun phrase: "(N, 4) float32 boxes"."""


def fragment(entry: Entry) -> str:
    """Returns why an entry of a docstring is no noun phrase; an empty text if nothing speaks against it.

    A clause such as "whether it is new" or "how the array is read" counts as a noun phrase, and so does the reason for
    an exception if it is a sentence of four words or more.

    Args:
        entry: the entry.
    """
    text = entry.text[len(_MEASURE.match(entry.text)[0]) :]
    if not re.search("[A-Za-z]", text):
        return "it says no more than a shape, a type or a unit"
    if entry.section == "Raises" and text.startswith("it ") and len(text.split()) > 3:
        return ""
    if found := _NO_NOUN.match(text):
        return f"it begins with {found[0]!r}"
    if _QUESTION.fullmatch(text):
        return "it is a question, not a noun phrase"
    return "it begins with a participle, and has no noun" if _PARTICIPLE.match(text) else ""


def first_line_problem(docstring: Docstring) -> str:
    """Returns why a docstring's first sentence can't stand alone; an empty text if it can.

    Args:
        docstring: the docstring.
    """
    found = _NO_SENTENCE.match(docstring.first_line)
    return f"it begins with {found[0]!r}" if found else ""


def problems(file: Path) -> Iterator[str]:
    """Yields what breaks the rules in a file, as `FILE:LINE: what is wrong`.

    Args:
        file: the Python file.
    """
    for docstring in docstrings(file):
        if problem := first_line_problem(docstring):
            yield f"{file}:{docstring.line}: {docstring.first_line[:60]!r}: {problem}"
        for entry in docstring.entries:
            if problem := fragment(entry):
                yield f"{file}:{docstring.line}: {entry.name}: {entry.text[:60]!r}: {problem}"


if __name__ == "__main__":
    for path in map(Path, sys.argv[1:]):
        for file in sorted(path.rglob("*.py")) if path.is_dir() else [path]:
            for problem in problems(file):
                print(problem)
