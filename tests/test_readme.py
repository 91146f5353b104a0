"""The README is short, begins with a picture, and its first two blocks are what CI runs."""

import re
from pathlib import Path

import doc_pages

ROOT = Path(__file__).parent.parent
README = ROOT / "README.md"


def test_the_first_two_commands_are_what_ci_runs():
    blocks = doc_pages.blocks(README, "sh")
    assert len(blocks) == 2
    assert blocks[0].rstrip().endswith("edgetl demo")
    assert blocks[1].rstrip().endswith("pytest")
    script = (ROOT / ".ci" / "run").read_text()
    assert "block 1" in script
    assert "block 2" in script


def test_the_readme_is_short_and_shows_a_picture_first():
    lines = README.read_text().splitlines()
    assert len(lines) <= 150
    picture = next(i for i, line in enumerate(lines) if re.search(r"\]\(docs/images/|src=\"docs/images/", line))
    assert picture < 15


def test_the_readme_shows_python():
    assert doc_pages.blocks(README, "python")
