"""Reads the docstrings and annotations of Python files without importing them."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

SECTIONS = ("Args", "Attributes", "Returns", "Yields", "Raises")
_SECTION = re.compile(rf"({'|'.join(SECTIONS)}):")
_ENTRY = re.compile(r"(\*{0,2}\w+): (.*)")
Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True)
class Entry:
    """One entry of a docstring's section.

    Attributes:
        section: the section's name, one of `SECTIONS`.
        name: the parameter, attribute or exception; empty for a result.
        text: the description, on one line.
    """

    section: str
    name: str
    text: str


@dataclass(frozen=True)
class Docstring:
    """A docstring and where it stands.

    Attributes:
        path: the file.
        line: the number of its first line in the file.
        kind: "module", "class", "function" or "constant".
        text: the text, without its indentation.
    """

    path: Path
    line: int
    kind: str
    text: str

    @property
    def first_line(self) -> str:
        return self.text.strip().split("\n\n")[0].replace("\n", " ")

    @property
    def entries(self) -> list[Entry]:
        return list(_entries(self.text))


def docstrings(path: Path) -> list[Docstring]:
    """Returns every docstring of a file: of the module, its classes and functions, and its constants."""
    return list(_docstrings(path, ast.parse(path.read_text())))


def _docstrings(path: Path, node: ast.AST) -> Iterator[Docstring]:
    kinds = {ast.Module: "module", ast.ClassDef: "class", ast.FunctionDef: "function", ast.AsyncFunctionDef: "function"}
    if type(node) in kinds and (text := ast.get_docstring(node)):
        yield Docstring(path, node.body[0].lineno, kinds[type(node)], text)
    body = node.body if isinstance(getattr(node, "body", None), list) else []
    for before, after in pairwise(body):
        if isinstance(before, ast.Assign | ast.AnnAssign) and _is_text(after):
            yield Docstring(path, after.lineno, "constant", after.value.value)
    for child in ast.iter_child_nodes(node):
        yield from _docstrings(path, child)


def _is_text(node: ast.AST) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)


def _entries(text: str) -> Iterator[Entry]:
    section, lines = "", []
    for line in [*text.splitlines(), "."]:
        if line and not line.startswith(" "):
            yield from _of_section(section, lines)
            heading = _SECTION.fullmatch(line)
            section, lines = (heading[1], []) if heading else ("", [])
        elif line:
            lines.append(line)


def _of_section(section: str, lines: list[str]) -> Iterator[Entry]:
    if section in ("Returns", "Yields"):
        yield Entry(section, "", " ".join(line.strip() for line in lines))
    elif section:
        joined: list[str] = []
        for line in lines:
            if line.startswith("     "):
                joined[-1] += " " + line.strip()
            else:
                joined.append(line.strip())
        for entry in map(_ENTRY.fullmatch, joined):
            if entry:
                yield Entry(section, entry[1], entry[2])


def functions(tree: ast.Module) -> list[Function]:
    """Returns every function and method of a module, nested ones too."""
    return [node for node in ast.walk(tree) if isinstance(node, Function)]


def public_functions(tree: ast.Module) -> list[Function]:
    """Returns a module's public functions, and the public methods and `__call__` of its public classes."""
    found = []
    for node in tree.body:
        body = node.body if isinstance(node, ast.ClassDef) and not node.name.startswith("_") else [node]
        found += [one for one in body if isinstance(one, Function) and re.match("__call__|[^_]", one.name)]
    return found


def array_aliases(trees: dict[str, ast.Module]) -> dict[str, set[str]]:
    """Returns, for each module, the names that stand for NDArray or a type that contains one.

    Args:
        trees: the modules by their dotted name.
    """
    names: dict[str, set[str]] = {module: {"NDArray", "ndarray"} for module in trees}
    grown = True
    while grown:
        before = sum(map(len, names.values()))
        for module, tree in trees.items():
            for node in tree.body:
                names[module] |= _new_aliases(node, names[module], names)
        grown = sum(map(len, names.values())) > before
    return names


def _new_aliases(node: ast.stmt, known: set[str], names: dict[str, set[str]]) -> set[str]:
    if isinstance(node, ast.ImportFrom):
        source = names.get(node.module or "", set())
        return {alias.asname or alias.name for alias in node.names if alias.name in source}
    if isinstance(node, ast.Assign | ast.AnnAssign) and isinstance(node.value, ast.Subscript | ast.BinOp):
        target = node.targets[0] if isinstance(node, ast.Assign) else node.target
        if isinstance(target, ast.Name) and mentions(node.value, known):
            return {target.id}
    return set()


def mentions(node: ast.AST | None, names: set[str]) -> bool:
    """Says whether an annotation contains one of some names."""
    found = (getattr(child, "id", getattr(child, "attr", "")) for child in (ast.walk(node) if node else ()))
    return any(name in names for name in found)


def array_parameters(function: Function, names: set[str]) -> list[str]:
    """Returns the parameters of a function that are arrays, and "" at the end if its result is one.

    Args:
        function: the function.
        names: the module's names for arrays, of `array_aliases`.
    """
    arguments = function.args
    every = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]
    found = [one.arg for one in every if mentions(one.annotation, names)]
    return found + ([""] if mentions(function.returns, names) else [])
