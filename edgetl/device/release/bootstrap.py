"""Prepares a device for a release before edgetl is there, with the standard library of its Python alone.

The workstation sends the text of `program()` to `python3 -I - COMMAND`. Each command writes one JSON object as a line
to stdout. A failure is `{"error", "where", "remedy", "code"}`, and `code` is the exit code.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from edgetl.device.release.deploy_log import DeployLog
from edgetl.device.release.device_facts import device_facts
from edgetl.device.release.device_lock import device_lock
from edgetl.device.release.digests import DIGEST
from edgetl.device.release.make_env import make_env
from edgetl.device.release.receive import receive
from edgetl.errors import EdgetlError
from edgetl.files import friendly_os_errors

_MODULES = ("errors", "text", "locks", "files")
_ROOM = ("digests", "device_lock", "deploy_log", "device_facts", "receive", "make_env", "bootstrap")
"""The modules that the program consists of, after those of `_MODULES`, in the order of their imports."""
_START = """
import sys, types
for name, text in modules.items():
    module = sys.modules[name] = types.ModuleType(name)
    module.__path__ = []
    exec(compile(text, name, "exec"), module.__dict__)
sys.exit(module.main(sys.argv[1:]))
"""


def program() -> str:
    """Returns this module and those that it imports as the text of one program for any Python from 3.9 on."""
    package = Path(__file__).parent.parent.parent
    files = {f"edgetl.{name}": package / f"{name}.py" for name in _MODULES}
    files |= {f"edgetl.device.release.{name}": package / "device" / "release" / f"{name}.py" for name in _ROOM}
    modules = dict.fromkeys(("edgetl", "edgetl.device", "edgetl.device.release"), "")
    modules |= {name: file.read_text(encoding="utf-8") for name, file in files.items()}
    return f"modules = {modules!a}\n{_START}"


def main(arguments: list[str]) -> int:
    """Runs a command, prints its answer as a line of JSON, and returns the exit code.

    Args:
        arguments: the command line.
    """
    parser = argparse.ArgumentParser(prog="bootstrap.py", description="Prepares this device for a release of edgetl.")
    parser.add_argument("command", choices=["facts", "receive", "env"])
    parser.add_argument("digest", nargs="?", default="", help="the release's digest")
    parser.add_argument("--online", metavar="EXTRAS", help="let pip ask the package index for edgetl with these extras")
    parser.add_argument("--holder", default="unknown", help="who deploys, user@host; the lock names it")
    parser.add_argument("--wait", type=float, default=0.0, metavar="S", help="the longest wait for another deployment")
    options = parser.parse_args(arguments)
    if options.command != "facts" and not DIGEST.fullmatch(options.digest):
        parser.error("a digest has 16 hexadecimal digits")
    try:
        answer, code = _answer(options), 0
    except EdgetlError as error:
        code = error.exit_code
        answer = {"error": error.what, "where": error.where, "remedy": error.remedy, "code": code}
    log = DeployLog(Path("~/edgetl").expanduser())
    if options.command != "facts":
        done = f"{options.digest} {'was here' if answer.get('already') else 'is done'}"
        log.note(options.command, str(answer.get("error", done)))
    log.answer(answer)
    return code


def _answer(options: argparse.Namespace) -> dict[str, object]:
    root = Path("~/edgetl").expanduser()
    with friendly_os_errors(root):
        if options.command == "facts":
            return device_facts(root)
        with device_lock(root, options.holder, options.wait):
            if options.command == "receive":
                return receive(root, options.digest)
            return make_env(root, options.digest, options.online)
