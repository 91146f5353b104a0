"""The house's own rules hold: style, types, direction of imports."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


@pytest.mark.parametrize(
    "tool", ["ruff check .", "ruff format --check .", "mypy", "lint-imports"], ids=lambda tool: tool.split(" .")[0]
)
def test_the_sources_pass_each_check(tool):
    command = [str(Path(sys.executable).parent / tool.split()[0]), *tool.split()[1:]]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_no_two_modules_of_tests_have_the_same_name():
    names = [path.name for path in (ROOT / "tests").rglob("test_*.py")]
    assert sorted({name for name in names if names.count(name) > 1}) == [], "pytest imports only one of them"
