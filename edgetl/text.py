"""Text that a stranger wrote: made safe to print, and checked before it becomes a class name."""

from __future__ import annotations

import unicodedata

LONGEST_LABEL = 200
"""A class name may have at most this many characters, so that it fits file names, MQTT topics and the page."""

_UNSAFE = frozenset({"Cc", "Cs", "Zl", "Zp"})
"""Unicode categories that are escaped in print: controls, lone surrogates, line and paragraph separators."""
_NONCHARACTERS = frozenset("\ufffe\uffff")
"""Code points that are no characters, and that XML forbids."""
_BIDI = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
"""Characters that change the direction of the text after them, so that it can be read as other text."""


def printable(text: object, *, keep: str = "") -> str:
    r"""Returns text with every character escaped that could steer a terminal or break an encoder.

    Args:
        text: the text, or an object whose `str` is the text.
        keep: control characters to leave as they are, such as "\n" for a message of several lines.

    Returns:
        The text in which a control character, a lone surrogate, a line separator or a direction mark is written as
        an escape, for example `\x1b`. The result can always be encoded as UTF-8.
    """
    return "".join(c if c in keep or not _is_unsafe(c) else _escaped(c) for c in str(text))


def label_problem(label: str) -> str:
    """Returns what keeps a text from being a class name; an empty text if nothing does.

    A class name is written into XML, CSV, YAML, JSON, MQTT topics and text files with one name a line. Every one of
    these formats must give back the same name.

    Args:
        label: the proposed class name.
    """
    if not label.strip():
        return "it is empty"
    if label != label.strip():
        return "it begins or ends with a blank"
    if len(label) > LONGEST_LABEL:
        return f"it has {len(label):,} characters, and {LONGEST_LABEL} are allowed"
    bad = next((c for c in label if _is_unsafe(c)), None)
    return f"it contains the character {_escaped(bad)}" if bad else ""


def _is_unsafe(character: str) -> bool:
    return unicodedata.category(character) in _UNSAFE or character in _BIDI or character in _NONCHARACTERS


def _escaped(character: str) -> str:
    return character.encode("unicode_escape", "surrogatepass").decode("ascii")
