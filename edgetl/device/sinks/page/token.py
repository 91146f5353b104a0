"""The live page's token: made for a run or read from a file, and compared in constant time."""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from itertools import islice
from pathlib import Path

from edgetl.device.sinks.secret_file import read_secret
from edgetl.errors import UsageError

_MIN_LENGTH = 16
"""A token has at least this many characters, so that it can't be guessed."""
_CANDIDATE = re.compile(rb"(?:bearer +|token=|edgetl-[0-9]+=)([!-~]+?)(?=[\s;&]|$)", re.IGNORECASE)
"""Matches each place in the bytes of a request that may hold the token or the cookie."""
_MAX_CANDIDATES = 4
"""At most this many places of a request are compared with the token, so that a long request costs no more than it."""


def make_token() -> str:
    """Returns a new random token of 22 characters, which are safe in a URL."""
    return secrets.token_urlsafe(16)


def read_token(path: Path) -> str:
    """Returns the token from a file, without the blanks and line ends around it.

    Args:
        path: the text file that holds nothing but the token.

    Raises:
        UsageError: the file can't be read, or the token is too short or has characters that no request can carry.
    """
    token = read_secret(path, "can't read the token", "name a text file").strip()
    if len(token) < _MIN_LENGTH or not token.isascii() or not token.isprintable() or " " in token:
        what = f"the token must be {_MIN_LENGTH} or more letters, digits and signs, without spaces"
        raise UsageError(what, where=str(path), remedy=f"make one: openssl rand -hex 16 > {path}")
    return token


def cookie_value(token: str) -> str:
    """Returns the value of the cookie that opens the page; the token can't be derived from it.

    Args:
        token: the page's token.
    """
    return hmac.digest(token.encode(), b"edgetl page", "sha256").hex()


def is_same(shown: str, secret: str) -> bool:
    """Returns whether two texts are equal, in a time that reveals nothing about the secret.

    Args:
        shown: the text that a request carries.
        secret: the text to compare with.
    """
    digests = (hashlib.sha256(text.encode("utf-8", "surrogateescape")).digest() for text in (shown, secret))
    return hmac.compare_digest(*digests)


def appears_in(data: bytes, token: str) -> bool:
    """Returns whether the raw bytes of a request hold the token or the value of its cookie.

    Args:
        data: the first bytes of a request; only the first few places that may hold the token are compared.
        token: the page's token.
    """
    candidates = (match[1].decode("ascii") for match in islice(_CANDIDATE.finditer(data), _MAX_CANDIDATES))
    return any(is_same(candidate, token) or is_same(candidate, cookie_value(token)) for candidate in candidates)
