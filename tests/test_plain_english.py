"""Docstrings are plain English: entries are noun phrases, first sentences stand alone, arrays have shape and type."""

import ast
from pathlib import Path

import pytest
from docstrings import Docstring, Entry, array_aliases, array_parameters, public_functions
from house_figures import ROOT, module_name, states_arrays
from plain_english import first_line_problem, fragment, problems

FILES = sorted((ROOT / "edgetl").rglob("*.py"))


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.relative_to(ROOT).as_posix())
def test_docstrings_have_no_fragments_and_first_sentences_that_stand_alone(file):
    wrong = list(problems(file))
    assert not wrong, "\n".join(wrong)


def test_public_functions_of_arrays_state_the_shape_and_type_of_each_array():
    trees = {module_name(ROOT, file): ast.parse(file.read_text()) for file in FILES}
    aliases = array_aliases(trees)
    wrong, total = [], 0
    for file in FILES:
        module = module_name(ROOT, file)
        for function in public_functions(trees[module]):
            names = array_parameters(function, aliases[module])
            total += bool(names)
            text = ast.get_docstring(function) or ""
            if names and not states_arrays(Docstring(file, function.lineno, "function", text), names):
                wrong.append(f"{file.relative_to(ROOT)}:{function.lineno} {function.name}")
    assert len(wrong) <= 0.05 * total, "\n".join(wrong)


@pytest.mark.parametrize(
    "text",
    [
        "it.",
        "which.",
        "likewise.",
        "of it.",
        "of the frame, px.",
        "px.",
        "(N,)",
        "is larger than that.",
        "measured on the validation split, 0..1.",
        "see `Gate`.",
        "None for all.",
        "what to show.",
    ],
)
def test_a_fragment_is_found(text):
    assert fragment(Entry("Args", "frame", text))


@pytest.mark.parametrize(
    "text",
    [
        "the frame to draw on, (H, W, 3) uint8 BGR.",
        "(N, 4) float32 boxes, left, top, right, bottom, px of the frame.",
        "whether the model is the current one.",
        "the same figure on the photos of the training, 0..1.",
        "what the user can do about it.",
    ],
)
def test_a_noun_phrase_passes(text):
    assert not fragment(Entry("Args", "frame", text))


@pytest.mark.parametrize(
    ("text", "stands"),
    [
        ("That don't open, and are named.", False),
        ("Of a line, px.", False),
        ("The same of a box's label: there may be many.", False),
        ("At most this many unreadable files are listed by name.", True),
        ("Returns the width of a line, px.", True),
    ],
)
def test_a_first_sentence_that_needs_another_one_is_found(text, stands):
    assert bool(first_line_problem(Docstring(Path("a.py"), 1, "constant", text))) is not stands
