"""The wheels that a device needs: for its system and not for this machine's, kept, and the same ones every time."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from handmade_wheels import make_index, make_wheel, use_index

from edgetl.errors import EdgetlError
from edgetl.host.deploy import own_wheel as own_wheel_module
from edgetl.host.deploy.device_platform import DevicePlatform, NoWheelsError
from edgetl.host.deploy.own_wheel import make_own_wheel
from edgetl.host.deploy.requirements import needed, oldest_python, read_metadata
from edgetl.host.deploy.wheels import collect_wheels

PI = DevicePlatform("3.11", "aarch64", "glibc 2.36")


@pytest.fixture
def index(monkeypatch, tmp_path):
    monkeypatch.setenv("EDGETL_CACHE", str(tmp_path / "cache"))
    folder = make_index(tmp_path / "index")
    use_index(monkeypatch, folder)
    return folder


@pytest.mark.parametrize(
    ("platform", "reason"),
    [
        (DevicePlatform("3.11", "aarch64", "glibc 2.36", bits=32), "32 bits"),
        (DevicePlatform("3.11", "armv7l", "glibc 2.36"), "32 bits"),
        (DevicePlatform("3.11", "riscv64", "glibc 2.39"), "aarch64 and x86_64 only"),
        (DevicePlatform("3.11", "aarch64", "unknown"), "need glibc"),
        (DevicePlatform("3.9", "aarch64", "glibc 2.31"), "needs Python 3.11"),
    ],
    ids=lambda value: value.arch if isinstance(value, DevicePlatform) else "",
)
def test_a_system_without_wheels_is_refused_with_the_reason(platform, reason):
    with pytest.raises(NoWheelsError, match=reason) as caught:
        platform.require_supported("3.11")
    assert caught.value.remedy


def test_the_tags_are_those_up_to_the_systems_glibc():
    assert PI.tags[0] == "manylinux_2_36_aarch64"
    assert "manylinux_2_27_aarch64" in PI.tags
    assert "manylinux2014_aarch64" in PI.tags
    assert "manylinux_2_37_aarch64" not in PI.tags


def test_the_own_wheel_is_the_same_each_time(tmp_path):
    first, second = make_own_wheel(tmp_path / "a"), make_own_wheel(tmp_path / "b")
    assert first.name == second.name
    assert first.read_bytes() == second.read_bytes()
    assert oldest_python(first) == "3.11"
    with zipfile.ZipFile(first) as archive:
        names = archive.namelist()
    assert {"edgetl/cli/deploy.py", "edgetl/targets/rpi.toml", "edgetl/starter/README.md"} <= set(names)
    assert not [name for name in names if "__pycache__" in name or "direct_url" in name]


@pytest.mark.slow
def test_pip_installs_the_own_wheel(tmp_path):
    site = tmp_path / "site"
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-compile", "--target", str(site)]
    subprocess.run([*pip, str(make_own_wheel(tmp_path))], check=True)
    code = f"import sys; sys.path.insert(0, {str(site)!r}); import edgetl; from edgetl.target import Target\n"
    code += "print(edgetl.__file__, Target.load('rpi').name)"
    done = subprocess.run([sys.executable, "-I", "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == [str(site / "edgetl" / "__init__.py"), "rpi"]


def test_an_installed_wheel_gives_the_same_wheel_as_the_checkout(tmp_path, monkeypatch):
    wheel = make_own_wheel(tmp_path / "checkout")
    site = tmp_path / "site"
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(site)
    for name in ("INSTALLER", "REQUESTED", "direct_url.json"):
        (next(site.glob("*.dist-info")) / name).write_text("pip")
    code = (
        f"import sys; sys.path.insert(0, {str(site)!r}); from pathlib import Path\n"
        "from edgetl.host.deploy.own_wheel import make_own_wheel; import edgetl\n"
        f"print(edgetl.__file__, make_own_wheel(Path({str(tmp_path / 'installed')!r})).name)"
    )
    done = subprocess.run([sys.executable, "-I", "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == [str(site / "edgetl" / "__init__.py"), wheel.name]


def test_an_edgetl_that_is_not_installed_gives_no_wheel(tmp_path, monkeypatch):
    from importlib.metadata import PackageNotFoundError

    def nothing(name):
        raise PackageNotFoundError(name)

    monkeypatch.setattr(own_wheel_module, "distribution", nothing)
    with pytest.raises(EdgetlError, match="not installed"):
        make_own_wheel(tmp_path)


def test_conditions_are_those_of_the_device(tmp_path):
    requires = ('old; python_version < "3.12"', 'new; python_version >= "3.12"', 'win; sys_platform == "win32"')
    requires += ('arm; platform_machine == "aarch64"', 'more; extra == "more"', "plain>=2")
    wheels = {"app": make_wheel(tmp_path, "app", requires=requires)}
    assert sorted(needed(["app"], wheels, PI)[1]) == ["arm", "old", "plain>=2"]
    trixie = DevicePlatform("3.13", "x86_64", "glibc 2.41")
    assert sorted(needed(["app[more]"], wheels, trixie)[1]) == ["more", "new", "plain>=2"]


def test_packages_that_only_this_machine_needs_are_not_among_them(tmp_path):
    wheels = {"app": make_wheel(tmp_path, "app", requires=("a_b>=1",)), "a-b": make_wheel(tmp_path, "a-b")}
    wheels["other"] = make_wheel(tmp_path, "other")
    assert needed(["app"], wheels, PI) == ({"app", "a-b"}, [])


def test_the_wheels_are_downloaded_once_and_then_kept(index, monkeypatch):
    first = collect_wheels(PI, ("device",))
    names = {read_metadata(wheel.path).name for wheel in first}
    assert {"edgetl", "pip", "click", "numpy", "ai-edge-litert", "opencv-python-headless", "starlette"} <= names
    assert len({wheel.sha256 for wheel in first}) == len(first)
    make_wheel(index, "click", "100.0")
    monkeypatch.setenv("PIP_FIND_LINKS", "/nowhere")
    assert collect_wheels(PI, ("device",)) == first


@pytest.mark.slow
def test_the_newest_wheels_are_downloaded_if_they_are_asked_for(index):
    collect_wheels(PI, ("device",))
    make_wheel(index, "click", "100.0")
    renewed = {wheel.path.name for wheel in collect_wheels(PI, ("device",), renew=True)}
    assert {name for name in renewed if name.startswith("click")} == {"click-100.0-py3-none-any.whl"}


def test_only_edgetl_and_pip_go_to_a_device_that_downloads_the_rest(index):
    assert [read_metadata(wheel.path).name for wheel in collect_wheels(PI, ())] == ["edgetl", "pip"]


def test_a_python_without_wheels_is_refused_with_the_name_of_the_package(index):
    (next(index.glob("ai_edge*"))).unlink()
    make_wheel(index, "ai-edge-litert", tag="cp311-cp311-manylinux_2_27_aarch64")
    with pytest.raises(NoWheelsError, match=r"ai-edge-litert.*Python 3\.14") as caught:
        collect_wheels(DevicePlatform("3.14", "aarch64", "glibc 2.41"), ("device",))
    assert caught.value.exit_code == 2
    assert not list((Path(index).parent / "cache" / "wheels").glob(".*"))
