from __future__ import annotations

import pytest
import stand_in_ssh


@pytest.fixture
def devices(monkeypatch, tmp_path):
    """The devices that a stand-in for ssh reaches."""
    return stand_in_ssh.install(monkeypatch, tmp_path / "devices")
