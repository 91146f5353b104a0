from __future__ import annotations

import pytest

from edgetl.device.measure import thermal
from edgetl.device.measure.thermal import Thermal, firmware_flags


@pytest.fixture
def machine(tmp_path, monkeypatch):
    for name in ("_ZONES", "_CLOCK", "_THROTTLED"):
        monkeypatch.setattr(thermal, name, tmp_path / name)
    return tmp_path


def test_a_raspberry_pi_that_is_too_hot(machine):
    for zone, text in (("thermal_zone0", "61322\n"), ("thermal_zone1", "82750\n")):
        (machine / "_ZONES" / zone).mkdir(parents=True)
        (machine / "_ZONES" / zone / "temp").write_text(text)
    (machine / "_CLOCK").write_text("1500000\n")
    (machine / "_THROTTLED").write_text("e0008\n")
    found = Thermal.here()
    assert found == Thermal(82.75, 1500.0, 0xE0008)
    assert (found.throttled, str(found)) == (True, "83 °C, 1500 MHz, held down")


def test_what_was_is_not_what_is(machine):
    (machine / "_THROTTLED").write_text("50000\n")
    assert Thermal.here().throttled is False


def test_machine_that_tells_nothing(machine):
    assert Thermal.here() == Thermal(None, None, None)
    assert (Thermal.here().throttled, str(Thermal.here())) == (None, "")


def test_zone_that_can_not_be_read(machine):
    (machine / "_ZONES" / "thermal_zone0" / "temp").mkdir(parents=True)
    assert Thermal.here().celsius is None


@pytest.mark.parametrize(
    ("answer", "flags"), [("echo throttled=0x50005", 0x50005), ("echo nonsense", None), ("exit 3", None)]
)
def test_the_firmware_is_asked_with_its_own_tool(tmp_path, monkeypatch, answer, flags):
    tool = tmp_path / "vcgencmd"
    tool.write_text(f"#!/bin/sh\n[ $1 = get_throttled ] || exit 9\n{answer}\n")
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    assert firmware_flags() == flags


def test_machine_without_that_firmware(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert firmware_flags() is None
