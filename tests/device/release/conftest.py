from __future__ import annotations

import pytest
from device_releases import SimulatedService, put_in_place, write_release

from edgetl.device.release.deploy_log import DeployLog
from edgetl.device.release.receive import receive


@pytest.fixture
def root(tmp_path, monkeypatch):
    """The folder `~/edgetl` of a home of the test's own."""
    monkeypatch.setenv("HOME", str(tmp_path))
    folder = tmp_path / "edgetl"
    folder.mkdir()
    return folder


@pytest.fixture
def service(root):
    return SimulatedService(root)


@pytest.fixture
def device(root, service):
    """A device whose service is simulated, and whose watches take no time."""
    from edgetl.device.release.switch import Device
    from edgetl.device.release.watch_service import Watch

    return Device(root, DeployLog(root), Watch(60.0, 60.0, service.clock, service.sleep), find_service=lambda: service)


@pytest.fixture
def installed(root):
    """Receives a release whose run does what is named, and gives it an environment; returns its digest."""

    def make(run="good", **options):
        digest = write_release(root, run, **options)
        receive(root, digest)
        put_in_place(root, digest)
        return digest

    return make
