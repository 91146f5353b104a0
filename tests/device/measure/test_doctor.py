from __future__ import annotations

import json
import subprocess
import sys

import pytest
from homes import edgetl

from edgetl.device.measure import doctor
from edgetl.device.measure.thermal import Thermal
from edgetl.device.runtime import UnloadableRuntimeError
from edgetl.install import install_package


def found(name):
    return next((check for check in doctor.examine() if check.name == name), None)


def test_a_complete_machine_has_no_missing_part():
    names = [check.name for check in doctor.examine()]
    assert [name for name in ("machine", "python", "tflite", "opencv", "cameras", "disk") if name not in names] == []
    assert found("tflite").state == "ok"
    assert "missing" not in [check.state for check in doctor.examine()]


def without(monkeypatch, *names):
    def require(name):
        if name in names:
            raise UnloadableRuntimeError(f"{name} is not installed", remedy=f"pip install {name}")

    monkeypatch.setattr(doctor, "require_runtime", require)


def test_one_runtime_is_enough(monkeypatch):
    without(monkeypatch, "openvino")
    assert (found("tflite").state, found("openvino").state) == ("ok", "note")
    assert found("openvino").remedy == "pip install openvino"


def test_without_any_runtime_nothing_runs(monkeypatch):
    without(monkeypatch, "openvino", "tflite")
    done = edgetl("doctor")
    assert done.code == 1
    assert "missing  tflite" in done.out
    assert "models can't run on this machine: tflite, openvino missing" in done.err


def test_a_broken_opencv_is_reported_with_the_package_that_works():
    """On Raspberry Pi OS Lite the usual wheel lacks X libraries. The process has not imported OpenCV yet."""
    code = (
        "import sys; sys.modules['cv2'] = None\n"
        "from edgetl.device.measure.doctor import examine\n"
        "print([c.state + ' ' + c.remedy for c in examine() if c.name == 'opencv'])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.stdout.startswith(f"['missing {install_package('opencv-python-headless')}"), done.stderr


def test_two_opencv_wheels_are_too_many(monkeypatch):
    monkeypatch.setattr(doctor, "installed_version", lambda package: "5.0.0")
    check = found("opencv")
    assert (check.state, check.found) == ("warning", "both opencv-python-headless and opencv-python are installed")


def test_camera_without_permission(monkeypatch, tmp_path):
    (tmp_path / "video0").touch()
    monkeypatch.setattr(doctor, "_DEVICES", tmp_path)
    assert found("cameras").state == "ok"
    monkeypatch.setattr(doctor.os, "access", lambda path, mode: False)
    check = found("cameras")
    assert (check.state, "video0" in check.found, "usermod -aG video" in check.remedy) == ("warning", True, True)


@pytest.mark.parametrize(("flags", "state"), [(0, "ok"), (0x50000, "note"), (0x50005, "warning"), (0x8, "warning")])
def test_throttling_of_a_raspberry_pi(monkeypatch, flags, state):
    monkeypatch.setattr(Thermal, "here", lambda: Thermal(71.2, 1500.0, flags))
    check = found("power")
    assert (check.state, "71 °C, 1500 MHz" in check.found) == (state, True)


def test_a_machine_without_sensors_has_no_power_check(monkeypatch):
    monkeypatch.setattr(Thermal, "here", lambda: Thermal(None, None, None))
    assert found("power") is None


def test_a_full_disk_is_a_warning(monkeypatch):
    monkeypatch.setattr(doctor, "_LEAST_FREE", 1 << 60)
    assert found("disk").state == "warning"


def test_json_has_the_checks():
    done = edgetl("doctor", "--json")
    assert done.code == 0
    assert {"name", "state", "found", "remedy"} == set(json.loads(done.out)[0])
