"""Damaged copies of a text or a binary file, the same ones for the same seed."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator

NASTY = (
    b"9" * 400,
    b"9" * 5000,
    b"-1e999",
    b"nan",
    b"NaN",
    b"Infinity",
    b"[" * 3000,
    b'{"a":' * 3000,
    b"2024-02-30",
    b"0x" + b"f" * 5000,
    b'"\\ud800"',
    b'"\\u0000"',
    b'"\x1b[2J"',
    b"null",
    b"true",
    b"[]",
    b"{}",
    b'""',
    b"\xff\xfe",
    b"\0" * 9,
    b"a.a.a.a." * 500 + b"a = 1",
    b"-1",
    b'"' + b"x" * 30_000 + b'"',
)
"""What parsers have stumbled over: numbers too long or too large, deep nesting, no UTF-8, values of another type."""


def mutants(content: bytes, count: int, seed: int) -> Iterator[bytes]:
    """Yields damaged copies.

    Args:
        content: the file as it should be.
        count: how many copies.
        seed: another seed gives other copies.
    """
    chance = random.Random(seed)
    for _ in range(count):
        damaged = bytearray(content)
        for _ in range(chance.choice((1, 1, 1, 2, 5))):
            chance.choice(_WAYS)(damaged, chance)
        yield bytes(damaged)


def _flip(data: bytearray, chance: random.Random) -> None:
    if data:
        data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)


def _cut(data: bytearray, chance: random.Random) -> None:
    del data[chance.randrange(len(data) + 1) :]


def _drop(data: bytearray, chance: random.Random) -> None:
    start = chance.randrange(len(data) + 1)
    del data[start : start + chance.randrange(1, 40)]


def _double(data: bytearray, chance: random.Random) -> None:
    start = chance.randrange(len(data) + 1)
    data[start:start] = data[start : start + chance.randrange(1, 200)]


def _insert(data: bytearray, chance: random.Random) -> None:
    start = chance.randrange(len(data) + 1)
    data[start:start] = chance.choice(NASTY)


def _replace_value(data: bytearray, chance: random.Random) -> None:
    """Puts something nasty in the place of what follows a colon or an equals sign."""
    places = [index for index, byte in enumerate(data) if byte in b":="]
    if places:
        start = chance.choice(places) + 1
        ends = [end for end in (data.find(mark, start) for mark in (b",", b"\n", b"}")) if end >= 0]
        data[start : min(ends, default=len(data))] = b" " + chance.choice(NASTY)


_WAYS: tuple[Callable[[bytearray, random.Random], None], ...] = (
    _flip,
    _cut,
    _drop,
    _double,
    _insert,
    _replace_value,
    _replace_value,
)
