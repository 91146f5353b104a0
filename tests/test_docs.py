"""The documentation: links lead somewhere, commands exist with their options, the reference is what `--help` prints."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path

import click
import pytest
from doc_pages import (
    EXAMPLES,
    PAGES,
    REFERENCE,
    ROOT,
    all_options,
    blocks,
    edgetl_commands,
    find_command,
    name_of,
    prose,
)

import edgetl
from edgetl.cli import main

COMMANDS = sorted({(name_of(page), words) for page in PAGES for words in edgetl_commands(page)})


def anchors(page: Path) -> set[str]:
    """The anchors of a page's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.*)$", re.sub(r"^```.*?^```$", "", page.read_text(), flags=re.M | re.S), re.M)
    plain = (re.sub(r"\[([^]]*)\]\([^)]*\)|`", r"\1", heading) for heading in headings)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in plain}


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_relative_link_leads_to_a_file_and_a_heading(page):
    text = prose(page)
    links = re.findall(r"\]\(([^)\s]+)\)", text) + re.findall(r'(?:src|href)="([^"]+)"', text)
    for link in links:
        path, _, anchor = link.partition("#")
        if re.match(r"https?:", path):
            continue
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), link
        assert target.is_relative_to(ROOT), link
        if anchor:
            assert anchor in anchors(target), link


def test_every_page_is_linked_from_the_index_and_begins_with_a_title():
    index = (ROOT / "docs" / "README.md").read_text()
    for page in (ROOT / "docs").glob("*.md"):
        assert page.name == "README.md" or f"({page.name})" in index, page.name
        assert re.match(r"# \S", page.read_text()), page.name


@pytest.mark.parametrize(("page", "words"), COMMANDS, ids=lambda value: value if isinstance(value, str) else "")
def test_every_command_in_the_documentation_exists_with_its_options(page, words):
    command, rest = find_command(words)
    if isinstance(command, click.Group):
        assert all(word.startswith("-") or word.isupper() for word in rest), f"{page}: edgetl {' '.join(words)}"
    elif names_options_alone(rest):
        assert set(rest) <= all_options()
    else:
        command.make_context(words[0], rest, parent=click.Context(main, info_name="edgetl", **main.context_settings))


def names_options_alone(rest: list[str]) -> bool:
    """Whether the text speaks of a command, or of one of its options, and shows no whole line."""
    return len(rest) <= 1 and all(word.startswith("--") for word in rest)


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_option_in_the_text_exists(page):
    known = all_options()
    spans = re.findall(r"`(--[^`]+)`", prose(page))
    options = {word for span in spans for word in re.findall(r"--[a-z][a-z-]*", span)}
    assert options - known <= {"--system-site-packages"}, page


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_file_of_the_project_that_a_page_names_exists(page):
    named = re.findall(r"(?<![\w/])(?:edgetl|docs|tests|bench|targets)/[\w/.-]+\w", page.read_text())
    missing = [path for path in named if not (ROOT / path).exists() and "NAME" not in path]
    assert not missing


def test_every_name_that_is_said_to_be_in_a_file_is_there():
    named = [
        pair
        for page in PAGES
        for pair in re.findall(r"`(\w+)`\s+(?:of|in|to)\s+`(edgetl/[\w/]+\.py)`", page.read_text())
    ]
    assert len(named) > 8
    for name, file in named:
        assert re.search(rf"^(?:def |class )?{name}\b", (ROOT / file).read_text(), re.M), (name, file)


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_python_in_the_documentation_is_valid(page):
    for block in blocks(page, "python"):
        compile(block, name_of(page), "exec")


def test_the_python_page_names_every_public_name_and_no_other():
    page = ROOT / "docs" / "python-api.md"
    public = {name for name in edgetl.__all__ if not name.startswith("_")}
    table = {name for row in re.findall(r"^\| .*$", page.read_text(), re.M) for name in re.findall(r"`(\w+)`", row)}
    assert public <= table
    used = {name for block in blocks(page, "python") for name in re.findall(r"\bedgetl\.(\w+)", block)}
    assert used <= public


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_an_example_is_short_linked_and_says_how_to_run_it(path):
    text = path.read_text()
    assert 15 <= len(text.splitlines()) <= 70
    assert f"docs/examples/{path.name}" in text.split('"""')[1]
    assert f"(examples/{path.name})" in (ROOT / "docs" / "python-api.md").read_text()


def test_the_command_reference_is_what_help_prints():
    spec = importlib.util.spec_from_file_location("make_command_reference", ROOT / "docs" / "make_command_reference.py")
    maker = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(maker)
    assert REFERENCE.read_text(encoding="utf-8") == maker.page(), "run `python docs/make_command_reference.py`"
