"""Strangers' text is made safe to print, and checked before it becomes a class name."""

import json
import time

import pytest

from edgetl.text import LONGEST_LABEL, about, counted, json_text, label_problem, listed, printable, without_passwords


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


def test_characters_to_keep_are_not_escaped():
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
def test_a_good_class_name_is_accepted(label):
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
def test_a_bad_class_name_is_refused(label):
    assert label_problem(label)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "about 5 s"), (43, "about 45 s"), (50, "about 1 minute"), (250, "about 4 minutes"), (7200, "about 2 hours")],
)
def test_estimates_are_rounded(seconds, text):
    assert about(seconds) == text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("can't open rtsp://user:p/w:a@h@10.0.0.1/live now", "can't open rtsp://10.0.0.1/live now"),
        ("rtsp:/u:p@h and http//u:p@h", "rtsp:/h and http//h"),
        ("http://h/a and me@example.org", "http://h/a and me@example.org"),
        (f"{'x' * 50}rtsp://u:p@h", f"{'x' * 50}rtsp://h"),
    ],
)
def test_passwords_are_left_out(text, shown):
    assert without_passwords(text) == shown


@pytest.mark.parametrize("word", ["a", "a://", "a://b:", "a:/b:@"])
def test_passwords_are_found_in_linear_time(word):
    def seconds(count):
        start = time.process_time()
        without_passwords(word * count)
        return time.process_time() - start

    assert seconds(200_000) < 100 * max(seconds(20_000), 0.001)


def test_a_very_long_name_is_cut_in_a_list():
    assert len(listed(["a" * 100_000, "b"])) < 1000


def test_a_count_has_its_noun_in_the_right_number():
    assert [counted(n, "photo") for n in (0, 1, 2)] == ["0 photos", "1 photo", "2 photos"]
    assert counted(3, "class", "classes") == "3 classes"
