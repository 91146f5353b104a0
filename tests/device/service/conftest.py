from __future__ import annotations

import pytest
from fake_systemctl import FakeSystemctl, be_ordinary_user
from service_manager import ServiceManager


@pytest.fixture
def systemctl(tmp_path, monkeypatch):
    """A program in the place of systemctl, for a user who isn't root."""
    be_ordinary_user(monkeypatch)
    return FakeSystemctl(tmp_path / "systemctl", monkeypatch)


@pytest.fixture
def manager(tmp_path, monkeypatch):
    """A reader of NOTIFY_SOCKET, which this process and its children find in the environment."""
    with ServiceManager(str(tmp_path / "notify")) as opened:
        for name, value in opened.environment.items():
            monkeypatch.setenv(name, value)
        yield opened
