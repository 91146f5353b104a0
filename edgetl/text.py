"""Prepares text for people: strangers' text is made safe to print, and lists, counts and durations are worded."""

from __future__ import annotations

import hashlib
import json
import re
import unicodedata
from collections.abc import Sequence

LONGEST_LABEL = 200
"""A class name may have at most this many characters, so that it fits file names, MQTT topics and the page."""

_LONGEST_SHOWN = 300
"""A list of names shows at most this many characters of a name; the path of a file is seldom longer."""

_BIDI = "\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"
"""The direction marks change the direction of the text after them, so that it looks like other text."""
_UNSAFE = re.compile(f"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff\ufffe\uffff{_BIDI}]")
"""Controls, line separators, lone surrogates, direction marks and code points that XML forbids are escaped."""

_NOT_IN_NAMES = re.compile(rf"""{_UNSAFE.pattern}|[\\/:*?"<>|]""")
"""Characters that a file system, a shell or another operating system refuses in the name of a folder."""
_DEVICES = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.IGNORECASE)
"""Names that Windows keeps for devices."""
_LONGEST_NAME = 120
"""The name of a class's folder has at most this many bytes; file systems take 255."""

_LOGIN = re.compile(r"[A-Za-z][A-Za-z0-9+.-]{0,30}(?::/{1,2}|//)(?=[^/:@]*:)")
"""An address with a user and a password begins with this scheme; its colon or a slash may be missing."""


def printable(text: object, *, keep: str = "") -> str:
    r"""Returns text with every character escaped that could steer a terminal or break an encoder.

    Args:
        text: the text, or an object whose `str` is the text.
        keep: control characters that are not escaped, such as "\n" for a message of several lines.

    Returns:
        The text in which a control character, a lone surrogate, a line separator or a direction mark is written as
        an escape, for example `\x1b`. The result can always be encoded as UTF-8.
    """
    return _UNSAFE.sub(lambda found: found[0] if found[0] in keep else _escaped(found[0]), str(text))


def without_passwords(text: str) -> str:
    """Returns a message in which no address shows its user and password.

    Code that puts an address into a message leaves them out; this function is the safeguard if it doesn't.

    Args:
        text: the message.
    """
    return re.sub(r"\S+", _without_login, text)


def json_text(value: object, indent: int | None = None) -> str:
    r"""Returns a value as JSON that every terminal, every parser and the UTF-8 encoder accept.

    Args:
        value: a JSON-ready value.
        indent: number of blanks of each level; None writes one line.

    Returns:
        JSON in which non-ASCII letters stand as they are and characters that `printable` escapes as JSON escapes.
        A lone surrogate, which strict parsers refuse even as an escape, becomes readable text such as `\udce9`: it
        stands for a byte of a file name that is not UTF-8.
    """
    return _UNSAFE.sub(_json_escaped, json.dumps(value, indent=indent, ensure_ascii=False))


def listed(names: Sequence[str], most: int = 3, *, total: int = 0) -> str:
    """Returns the first few names, and how many more there are.

    Args:
        names: the names, or only the first ones.
        most: largest number of names in the result.
        total: number of all names, if `names` has only the first ones.
    """
    more = max(total, len(names)) - min(most, len(names))
    shown = [name if len(name) <= _LONGEST_SHOWN else f"{name[:_LONGEST_SHOWN]}…" for name in names[:most]]
    return ", ".join(shown) + (f" and {more:,} more" if more else "")


def counted(count: int, noun: str, plural: str = "") -> str:
    """Returns a count with its noun in the right number, for example "1 photo" or "20 photos".

    Args:
        count: the number of things, at least 0.
        noun: the singular.
        plural: the plural; by default the singular with an "s".
    """
    return f"{count} {noun if count == 1 else plural or noun + 's'}"


def about(seconds: float) -> str:
    """Returns a duration as an estimate for people: `about 4 minutes`.

    Args:
        seconds: the estimate, s.
    """
    if seconds < 50:
        return f"about {max(5, 5 * round(seconds / 5))} s"
    minutes = max(1, round(seconds / 60))
    if minutes < 90:
        return f"about {counted(minutes, 'minute')}"
    return f"about {minutes / 60:.0f} hours"


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
    bad = _UNSAFE.search(label)
    return f"it contains the character {_escaped(bad[0])}" if bad else ""


def folder_name(label: str) -> str:
    """Returns a name for the folder of a class: one that every file system takes, and that leads nowhere else.

    A name that had to be changed ends with four hex digits of the class's own, so that two classes never share it.

    Args:
        label: the class name, which may come from a stranger.

    Examples:
        >>> folder_name("bolt")
        'bolt'
        >>> folder_name("a/b")
        'a_b-c14c'
    """
    own = unicodedata.normalize("NFC", label)
    plain = _NOT_IN_NAMES.sub("_", own).strip(". ")
    plain = plain.encode("utf-8", "replace")[:_LONGEST_NAME].decode("utf-8", "ignore").strip(". ")
    if plain == own and not _DEVICES.fullmatch(plain):
        return plain
    return f"{plain or 'class'}-{hashlib.sha256(own.encode('utf-8', 'surrogatepass')).hexdigest()[:4]}"


def first_line(text: object, most: int = 200) -> str:
    """Returns the first line of a library's message that isn't blank, safe to print.

    Args:
        text: the message, or the exception that has it.
        most: largest number of characters in the result.
    """
    lines = (line.strip() for line in str(text).splitlines())
    return printable(next((line for line in lines if line), "no reason given")[:most])


def _without_login(found: re.Match[str]) -> str:
    """Returns a word of a message without the text between an address's scheme and its last @.

    The time is linear in the length, because a message may quote a name of a hundred thousand letters.
    """
    head, at, host = found[0].rpartition("@")
    scheme = _LOGIN.search(head) if at else None
    return head[: scheme.end()] + host if scheme else found[0]


def _escaped(character: str) -> str:
    return character.encode("unicode_escape", "surrogatepass").decode("ascii")


def _json_escaped(found: re.Match[str]) -> str:
    character = found[0]
    if character == "\n":  # it stands between the values; within a text it is escaped already
        return character
    backslash = "\\\\" if "\ud800" <= character <= "\udfff" else "\\"
    return f"{backslash}u{ord(character):04x}"
