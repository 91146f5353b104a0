from __future__ import annotations

from collections.abc import Callable

import pytest

NOTES = pytest.StashKey[list[str]]()


@pytest.fixture(scope="session")
def note(request: pytest.FixtureRequest) -> Callable[[str], None]:
    """Adds a line to what is told of arm64 at the end of the tests, whether they pass or not."""
    return request.config.stash.setdefault(NOTES, []).append


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    notes = config.stash.get(NOTES, [])
    if notes:
        terminalreporter.section("arm64")
        terminalreporter.write_line("\n".join(notes))
