"""The list of attached cameras: V4L2 devices with their formats, CSI cameras, and the command `edgetl cameras`."""

from __future__ import annotations

import errno

import pytest
from click.testing import CliRunner

from edgetl.cli import main
from edgetl.device.camera import discover as list_module
from edgetl.device.camera.discover import (
    _CAPABILITY,
    _ENUM_FMT,
    _ENUM_FRAMESIZES,
    _FORMAT,
    _FRAME_SIZE,
    _QUERYCAP,
    AttachedCamera,
)

SIZES = {b"MJPG": [(640, 480), (1280, 720)], b"YUYV": [(640, 480)]}


class Driver:
    """Answers as a V4L2 driver does."""

    def __init__(self, capabilities):
        self.capabilities = capabilities

    def __call__(self, handle, request, buffer):
        if request == _QUERYCAP:
            buffer[:] = _CAPABILITY.pack(b"uvcvideo", b"Cam", b"usb", 0, *self.capabilities)
            return
        index = int.from_bytes(buffer[:4], "little")
        if request == _ENUM_FMT:
            fourcc = self._at(list(SIZES), index)
            buffer[:] = _FORMAT.pack(index, 1, 0, b"", int.from_bytes(fourcc, "little"), 0)
        elif request == _ENUM_FRAMESIZES:
            size = self._at(SIZES[bytes(buffer[4:8])], index)
            buffer[:] = _FRAME_SIZE.pack(index, 0, 1, *size)

    def _at(self, values, index):
        if index >= len(values):
            raise OSError(errno.EINVAL, "no more")
        return values[index]


def test_formats_and_sizes_as_the_driver_enumerates_them():
    assert list(list_module._formats(3, Driver((1, 1)))) == ["MJPG 640x480 1280x720", "YUYV 640x480"]


@pytest.mark.parametrize(
    ("capabilities", "captures"),
    [((0x1, 0), True), ((0x80000001, 0x1), True), ((0x80000001, 0x00800000), False)],
    ids=["old driver", "camera", "its metadata"],
)
def test_only_devices_that_give_pictures_are_cameras(capabilities, captures):
    assert list_module._captures(3, Driver(capabilities)) is captures


def test_device_that_is_no_camera_is_left_out(tmp_path, monkeypatch):
    file = tmp_path / "video7"
    file.write_bytes(b"")
    monkeypatch.setattr(list_module, "devices", lambda: [file])
    assert list_module.list_cameras() == []


def test_a_device_that_has_gone_is_listed_with_its_problem(tmp_path, monkeypatch):
    (tmp_path / "video7").mkdir()
    (tmp_path / "video7" / "name").write_text("HD Webcam\n")
    monkeypatch.setattr(list_module, "_SYSFS", tmp_path)
    monkeypatch.setattr(list_module, "devices", lambda: [tmp_path / "gone" / "video7"])
    assert list_module.list_cameras() == [AttachedCamera("7", "HD Webcam", problem="No such file or directory")]


def test_the_permanent_link_of_a_camera_is_found(tmp_path, monkeypatch):
    device, links = tmp_path / "video0", tmp_path / "by-id"
    device.touch()
    monkeypatch.setattr(list_module, "_LINKS", links)
    assert list_module._link(device) == ""
    links.mkdir()
    (links / "usb-cam").symlink_to(device)
    assert list_module._link(device) == str(links / "usb-cam")


def test_csi_cameras_are_listed_without_usb_ones(picamera2):
    picamera2.cameras = [
        {"Num": 0, "Model": "imx708", "Id": "/base/soc/i2c0mux/i2c@1/imx708@1a"},
        {"Num": 1, "Model": "HD Webcam", "Id": "/base/scb/pcie@7d500000/usb@0,0-1.2:1.0-046d:0825"},
    ]
    assert list_module._csi_cameras() == [AttachedCamera("picamera://0", "imx708")]


def test_a_raspberry_pi_without_picamera2_gets_the_remedy(tmp_path, monkeypatch):
    board = tmp_path / "model"
    monkeypatch.setattr(list_module, "_BOARD", board)
    assert list_module.csi_remedy() == ""
    board.write_text("Raspberry Pi 5 Model B Rev 1.0\0")
    assert "apt install python3-picamera2" in list_module.csi_remedy()


def test_the_command_prints_the_source_of_each_camera(monkeypatch):
    cameras = [
        AttachedCamera("0", "HD Webcam", ("MJPG 640x480",), "/dev/v4l/by-id/hd"),
        AttachedCamera("2", "", problem="Permission denied; join the group"),
    ]
    monkeypatch.setattr(list_module, "list_cameras", lambda: cameras)
    done = CliRunner().invoke(main, ["cameras"])
    assert done.exit_code == 0
    assert done.stdout.splitlines() == [
        "--source 0  HD Webcam",
        "    or --source /dev/v4l/by-id/hd, which stays the same after unplugging",
        "    MJPG 640x480",
        "--source 2",
        "    Permission denied; join the group",
    ]


def test_the_command_says_what_to_do_without_a_camera(monkeypatch):
    monkeypatch.setattr(list_module, "list_cameras", list)
    done = CliRunner().invoke(main, ["cameras"])
    assert done.exit_code == 0
    assert done.stdout == ""
    assert "no camera is attached" in done.stderr
