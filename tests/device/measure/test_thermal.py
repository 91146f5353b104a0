from __future__ import annotations

import pytest

from edgetl.device.measure import thermal
from edgetl.device.measure.thermal import Thermal, firmware_flags


@pytest.fixture
def machine(tmp_path, monkeypatch):
    for name in ("_ZONES", "_CLOCK", "_THROTTLED"):
        monkeypatch.setattr(thermal, name, tmp_path / name)
    return tmp_path


def test_a_hot_raspberry_pi_is_throttled(machine):
    for zone, text in (("thermal_zone0", "61322\n"), ("thermal_zone1", "82750\n")):
        (machine / "_ZONES" / zone).mkdir(parents=True)
        (machine / "_ZONES" / zone / "temp").write_text(text)
    (machine / "_CLOCK").write_text("1500000\n")
    (machine / "_THROTTLED").write_text("e0008\n")
    found = Thermal.here()
    assert found == Thermal(82.75, 1500.0, 0xE0008)
    assert (found.throttled, str(found)) == (True, "83 °C, 1500 MHz, held down")


def test_earlier_throttling_is_not_taken_for_present_throttling(machine):
    (machine / "_THROTTLED").write_text("50000\n")
    assert Thermal.here().throttled is False


def test_a_machine_without_sensors_has_no_values(machine):
    assert Thermal.here() == Thermal(None, None, None)
    assert (Thermal.here().throttled, str(Thermal.here())) == (None, "")


def test_an_unreadable_zone_is_ignored(machine):
    (machine / "_ZONES" / "thermal_zone0" / "temp").mkdir(parents=True)
    assert Thermal.here().celsius is None


@pytest.mark.parametrize(
    ("answer", "flags"), [("echo throttled=0x50005", 0x50005), ("echo nonsense", None), ("exit 3", None)]
)
def test_firmware_flags_are_read_with_vcgencmd(tmp_path, monkeypatch, answer, flags):
    tool = tmp_path / "vcgencmd"
    tool.write_text(f"#!/bin/sh\n[ $1 = get_throttled ] || exit 9\n{answer}\n")
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    assert firmware_flags() == flags


def test_a_machine_without_vcgencmd_has_no_flags(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert firmware_flags() is None
