"""Measures the source of edgetl: lengths, docstrings, types, documentation, layers and repeated lines.

Run it as `python tests/house_figures.py [--json] [FOLDER]`; FOLDER is a checkout, by default this one. Nothing of the
checkout is imported, so that any commit can be measured.
"""

from __future__ import annotations

import ast
import json
import re
import statistics
import sys
import tomllib
from collections import defaultdict
from collections.abc import Sequence
from itertools import combinations
from pathlib import Path

from docstrings import Docstring, array_aliases, array_parameters, docstrings, functions, public_functions
from plain_english import first_line_problem, fragment

ROOT = Path(__file__).parent.parent
_LENGTH = r"[\w…]+(?: ?(?://|[-+*/]) ?\w+)*"
_SHAPE = re.compile(rf"\({_LENGTH},(?: {_LENGTH}(?:, {_LENGTH})*)?\)|\(…\)|any shape")
_TYPE = re.compile(r"\b(?:u?int(?:8|16|32|64)|float(?:16|32|64)|bool|intp|any d?type)\b")
_WINDOW = 6
"""A repetition counts from this number of equal lines on."""


def measure(root: Path) -> dict[str, object]:
    """Returns every figure of a checkout.

    Args:
        root: the checkout's folder.
    """
    files = sorted((root / "edgetl").rglob("*.py"))
    trees = {module_name(root, file): ast.parse(file.read_text()) for file in files}
    found = [docstring for file in files for docstring in docstrings(file)]
    return {
        "files": len(files),
        "file lines, median/p90/max": _spread([len(file.read_text().splitlines()) for file in files]),
        "function lines, median/p90/max": _spread(_function_lines(trees.values())),
        **_arrays(trees),
        **_prose(found),
        "uses of Any": sum(_uses_of_any(tree) for tree in trees.values()),
        **_documents(root),
        **_layers(root),
        "duplicates in edgetl (pairs of 6 lines or more)": len(duplicates(files)),
        "duplicates in tests (pairs of 6 lines or more)": len(duplicates(sorted((root / "tests").rglob("*.py")))),
    }


def module_name(root: Path, file: Path) -> str:
    """Returns the dotted name of a file's module.

    Args:
        root: the checkout's folder.
        file: the file's path.
    """
    parts = file.relative_to(root).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def _spread(values: Sequence[int]) -> list[int]:
    ordered = sorted(values)
    return [round(statistics.median(ordered)), ordered[int(0.9 * (len(ordered) - 1))], ordered[-1]]


def _function_lines(trees) -> list[int]:
    return [node.end_lineno - node.lineno + 1 for tree in trees for node in functions(tree)]


def _arrays(trees: dict[str, ast.Module]) -> dict[str, object]:
    """Counts the public functions of arrays whose docstrings state the shape, and the shape and the type."""
    aliases = array_aliases(trees)
    total, shape, both = 0, 0, 0
    for module, tree in trees.items():
        for function in public_functions(tree):
            if names := array_parameters(function, aliases[module]):
                text = ast.get_docstring(function) or ""
                total += 1
                shape += bool(_SHAPE.search(text))
                both += states_arrays(Docstring(Path(), 0, "function", text), names)
    return {
        "public functions of arrays": total,
        "of these, with a shape, %": round(100 * shape / total),
        "of these, with the shape and type of every array, %": round(100 * both / total),
    }


def states_arrays(docstring: Docstring, names: Sequence[str]) -> bool:
    """Says whether a docstring states the shape and the type of every array of a function.

    Args:
        docstring: the function's docstring.
        names: the array parameters, "" for the result.
    """
    entries = {entry.name: entry.text for entry in docstring.entries if entry.section in ("Args", "Returns", "Yields")}
    texts = [entries.get(name, docstring.first_line) for name in names]
    return all(_SHAPE.search(text) and _TYPE.search(text) for text in texts)


def _prose(found: Sequence[Docstring]) -> dict[str, object]:
    entries = [entry for docstring in found for entry in docstring.entries]
    constants = [docstring for docstring in found if docstring.kind == "constant"]
    return {
        "entries of Args, Attributes, Returns, Raises": len(entries),
        "fragments among these": sum(1 for entry in entries if fragment(entry)),
        "docstrings": len(found),
        "first lines that can't stand alone": sum(1 for one in found if first_line_problem(one)),
        "constants with a docstring": len(constants),
        "constants whose first line can't stand alone": sum(1 for one in constants if first_line_problem(one)),
    }


def _uses_of_any(tree: ast.Module) -> int:
    return sum(isinstance(node, ast.Name) and node.id == "Any" for node in ast.walk(tree))


def _documents(root: Path) -> dict[str, object]:
    return {
        "README lines": len((root / "README.md").read_text().splitlines()),
        "pages in docs": len(list((root / "docs").rglob("*.md"))),
        "example scripts": len(list((root / "docs" / "examples").glob("*.py"))),
    }


def _layers(root: Path) -> dict[str, object]:
    contracts = tomllib.loads((root / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    layers = [layer for contract in contracts for layer in contract.get("layers", [])]
    return {"import contracts": len(contracts), "import layers": len(layers)}


def duplicates(files: Sequence[Path]) -> list[tuple[str, str]]:
    """Finds the pairs of places with six or more equal lines of code; blank lines, imports and comments don't count.

    Args:
        files: the files to search, each compared with all and with itself.

    Returns:
        The two places of each pair, as `file:line`.
    """
    lines: list[tuple[str, str]] = []
    for file in files:
        lines += [(text, f"{file}:{number}") for number, text in _code(file)] + [("", "")] * _WINDOW
    windows = defaultdict(list)
    for at in range(len(lines) - _WINDOW):
        if all(text for text, _ in lines[at : at + _WINDOW]):
            windows[tuple(text for text, _ in lines[at : at + _WINDOW])].append(at)
    pairs = (pair for places in windows.values() for pair in combinations(places, 2))
    begins = [
        (a, b) for a, b in pairs if b - a >= _WINDOW and (lines[a - 1][0] != lines[b - 1][0] or not lines[a - 1][0])
    ]
    return [(lines[a][1], lines[b][1]) for a, b in begins]


def _code(file: Path) -> list[tuple[int, str]]:
    text = file.read_text()
    skipped = {
        number
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.Import | ast.ImportFrom)
        for number in range(node.lineno, node.end_lineno + 1)
    }
    stripped = ((number, line.strip()) for number, line in enumerate(text.splitlines(), start=1))
    return [(number, line) for number, line in stripped if line and number not in skipped and not line.startswith("#")]


def main(arguments: Sequence[str]) -> None:
    """Prints the figures of a checkout."""
    folders = [Path(argument) for argument in arguments if argument != "--json"]
    figures = measure(folders[0] if folders else ROOT)
    if "--json" in arguments:
        print(json.dumps(figures, indent=2))
        return
    for name, value in figures.items():
        print(f"{name:<56}{' / '.join(map(str, value)) if isinstance(value, list) else value}")


if __name__ == "__main__":
    main(sys.argv[1:])
