"""Strangers' text is made safe to print, and checked before it becomes a class name."""

import json

import pytest

from edgetl.text import LONGEST_LABEL, about, json_text, label_problem, printable


@pytest.mark.parametrize(
    ("text", "printed"),
    [
        ("Schraube, große №5 🔩", "Schraube, große №5 🔩"),
        ("\x1b]0;title\x07", r"\x1b]0;title\x07"),
        ("a\nb\r\tc", r"a\nb\r\tc"),
        ("\x9b31m", r"\x9b31m"),
        ("\ud800", r"\ud800"),
        ("a\u2028b\u202eb", r"a\u2028b\u202eb"),
    ],
)
def test_text_is_printed_without_anything_that_steers_a_terminal(text, printed):
    assert printable(text) == printed
    printable(text).encode()


def test_kept_characters_stay():
    assert printable("a\nb\x07", keep="\n") == "a\nb\\x07"


@pytest.mark.parametrize("indent", [None, 2])
def test_json_means_the_same_and_steers_nothing(indent):
    value = {"größe 🔩": ["\x1b[2J", "a\x85\x9b\x7f", 'a\n"\\', "\u202ex", 1.5, None]}
    text = json_text(value, indent)
    assert json.loads(text) == value
    assert printable(text, keep="\n") == text
    assert "größe 🔩" in text


def test_a_lone_surrogate_is_readable_text_in_json():
    text = json_text("caf\udce9")
    assert json.loads(text.encode()) == r"caf\udce9"


NAMES = ["bolt", "große Mutter", "a, b", "m&m's", "日本", "🔩", "0 or not", "x" * LONGEST_LABEL]


@pytest.mark.parametrize("label", NAMES)
def test_a_class_may_be_called_so(label):
    assert label_problem(label) == ""


@pytest.mark.parametrize(
    "label",
    [
        "",
        " ",
        "bolt ",
        "\tbolt",
        "a\nb",
        "a\x07",
        "a\x85b",
        "a\u2029b",
        "\ud800",
        "a\ufffeb",
        "x" * (LONGEST_LABEL + 1),
    ],
)
def test_a_class_may_not_be_called_so(label):
    assert label_problem(label)


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(0, "about 5 s"), (43, "about 45 s"), (50, "about 1 minute"), (250, "about 4 minutes"), (7200, "about 2 hours")],
)
def test_estimates_are_rounded(seconds, said):
    assert about(seconds) == said
