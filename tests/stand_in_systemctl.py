#!/usr/bin/env python3
"""A stand-in for systemctl, which supervises processes by the same unit files as systemd does.

It is a program of its own, of the standard library alone: `EDGETL_SYSTEMCTL=tests/stand_in_systemctl.py`. Every process
that it supervises has a supervisor in the background, which goes on when systemctl and the session have ended.

From the environment:
    STAND_IN_SYSTEMD: the folder of its state, by default `~/.stand-in-systemd`. It has the log of each unit's output,
        `edgetl.service.log`, and `commands.log` with the arguments of every call.
    STAND_IN_UNITS: the folder of the units; else it is `~/.config/systemd/user`, then `/etc/systemd/system`.
    STAND_IN_RESTART_SECONDS: takes the place of RestartSec=, which is long for a test.

What it heeds of a unit: Type, ExecStart, Environment, EnvironmentFile, WorkingDirectory, LoadCredential, Restart,
RestartSec, RestartPreventExitStatus, SuccessExitStatus, StartLimitBurst, StartLimitIntervalSec, TimeoutStartSec,
TimeoutStopSec, WatchdogSec. Units are read at `daemon-reload` and when they are first started, as systemd has it.
`stand-in-exit` stops everything, for the end of a test.
"""

from __future__ import annotations

import argparse
import fcntl
import json
import os
import re
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager, suppress
from pathlib import Path

STATE = Path(os.environ.get("STAND_IN_SYSTEMD") or Path.home() / ".stand-in-systemd")
POLL = 0.02
UNITS = {"us": 1e-6, "ms": 1e-3, "": 1.0, "s": 1.0, "sec": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0, "d": 86400.0}
DEAD = {"ActiveState": "inactive", "SubState": "dead", "MainPID": 0, "NRestarts": 0, "StatusText": ""}
DEAD |= {"Result": "success", "ExecMainStatus": 0, "ExecMainCode": 0}
FLAGS = ("--user", "--system", "--no-block", "--now", "--value", "--no-pager", "--no-ask-password", "--version")


# The units


def unit_name(word):
    return word if "." in word else f"{word}.service"


def unit_file(unit):
    own = Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config") / "systemd/user"
    folders = [os.environ.get("STAND_IN_UNITS"), own, "/etc/systemd/system"]
    files = (Path(folder) / unit for folder in folders if folder)
    return next((file for file in files if file.is_file()), None)


def loaded(unit):
    """The text of a unit as of the last `daemon-reload`, or as of its first use."""
    copy, file = STATE / f"{unit}.loaded", unit_file(unit)
    if not copy.exists() and file:
        shutil.copyfile(file, copy)
    return copy.read_text() if copy.exists() else None


def settings(text):
    """The assignments of a unit, by key, each a list; an empty one clears those before it."""
    found = {}
    for line in re.sub(r"\\\n", " ", text).splitlines():
        key, equals, value = line.strip().partition("=")
        if equals and not key.startswith(("#", ";")):
            found[key.strip()] = [*found.get(key.strip(), []), value.strip()] if value.strip() else []
    return found


def seconds(text):
    if text == "infinity":
        return float("inf")
    return sum(float(number) * UNITS[unit] for number, unit in re.findall(r"([\d.]+)\s*([a-z]*)", text))


class Unit:
    def __init__(self, name):
        self.name = name
        self.values = settings(loaded(name) or "")

    def one(self, key, default=""):
        return (self.values.get(key) or [default])[-1]

    def seconds(self, key, default):
        return seconds(self.one(key, default))

    def codes(self, key):
        return {int(word) for value in self.values.get(key, []) for word in value.split() if word.isdigit()}

    def expand(self, text, credentials=""):
        known = {"h": str(Path.home()), "n": self.name, "N": self.name.rpartition(".")[0], "%": "%", "d": credentials}
        known |= {"u": os.environ.get("USER", "root"), "t": os.environ.get("XDG_RUNTIME_DIR", "/run")}
        return re.sub("%([hnN%dut])", lambda found: known[found[1]], text)

    def command(self, credentials):
        line = self.expand(self.one("ExecStart"), credentials).lstrip("-:+!@")
        known = {**self.environment(credentials), "$": "$"}
        return [
            re.sub(r"\$(\$)|\$\{(\w+)\}", lambda f: known.get(f[1] or f[2], ""), word) for word in shlex.split(line)
        ]

    def environment(self, credentials):
        """What the process gets: as with systemd, nothing of the caller but who the user is."""
        kept = {key: os.environ[key] for key in ("HOME", "USER", "LOGNAME", "SHELL", "LANG") if key in os.environ}
        found = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", **kept}
        lines = [word for value in self.values.get("Environment", []) for word in shlex.split(value)]
        for value in self.values.get("EnvironmentFile", []):
            path = Path(self.expand(value.lstrip("-")))
            if path.exists() or not value.startswith("-"):
                lines += [shlex.split(line)[0] for line in path.read_text().splitlines() if re.match(r"\w+=", line)]
        found |= dict(self.expand(line, credentials).split("=", 1) for line in lines)
        return found | ({"CREDENTIALS_DIRECTORY": credentials} if self.values.get("LoadCredential") else {})

    def copy_credentials(self, folder):
        for value in self.values.get("LoadCredential", []):
            name, _, path = self.expand(value).partition(":")
            shutil.copyfile(path, Path(folder) / name)
            (Path(folder) / name).chmod(0o400)

    def restarts_after(self, result, code):
        policy = self.one("Restart", "no")
        if code in self.codes("RestartPreventExitStatus"):
            return False
        sorts = {"always": True, "on-failure": result != "success", "on-success": result == "success"}
        sorts |= {"on-abnormal": result in ("signal", "timeout", "watchdog"), "on-watchdog": result == "watchdog"}
        return sorts.get(policy, False)


# The state of a unit


def read_state(unit):
    with suppress(OSError, ValueError):
        state = json.loads((STATE / f"{unit}.json").read_text())
        if state["ActiveState"] in ("inactive", "failed") or is_supervised(unit):
            return state
    return dict(DEAD)


def write_state(unit, state):
    temporary = STATE / f".{unit}.{os.getpid()}"
    temporary.write_text(json.dumps(state))
    temporary.replace(STATE / f"{unit}.json")


@contextmanager
def held(name, flags=fcntl.LOCK_EX):
    with (STATE / name).open("a") as file:
        fcntl.flock(file, flags)
        yield


def is_supervised(unit):
    try:
        with held(f"{unit}.alive", fcntl.LOCK_SH | fcntl.LOCK_NB):
            return False
    except BlockingIOError:
        return True


# The supervisor


class Supervisor:
    """Runs a unit's process, starts it again by its policy, and ends with SIGTERM."""

    def __init__(self, name):
        self.unit, self.stopping, self.begun = Unit(name), False, []
        self.state = {**DEAD, "supervisor": os.getpid()}
        self.folder = tempfile.mkdtemp(prefix="stand-in-")  # the path of a socket has at most 107 bytes
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(f"{self.folder}/notify")
        self.socket.settimeout(POLL)
        signal.signal(signal.SIGTERM, self._stop)

    def _stop(self, *_):
        self.stopping = True

    def report(self, **changes):
        if any(self.state[key] != value for key, value in changes.items()):
            self.state |= changes
            write_state(self.unit.name, self.state)

    def run(self):
        try:
            result = self._run_until_the_end()
        finally:
            shutil.rmtree(self.folder, ignore_errors=True)
        end = ("inactive", "dead") if self.stopping or result == "success" else ("failed", "failed")
        self.report(ActiveState=end[0], SubState=end[1], MainPID=0, Result="success" if self.stopping else result)

    def _run_until_the_end(self):
        while True:
            self.begun.append(time.monotonic())
            result, code = self._run_once()
            self.report(MainPID=0, Result=result, ExecMainStatus=abs(code), ExecMainCode=2 if code < 0 else 1)
            if self.stopping or not self.unit.restarts_after(result, code):
                return result
            if self._too_often():
                return "start-limit-hit"
            self.report(ActiveState="activating", SubState="auto-restart", StatusText="")
            pause = os.environ.get("STAND_IN_RESTART_SECONDS") or self.unit.one("RestartSec", "100ms")
            until = time.monotonic() + seconds(pause)
            while time.monotonic() < until and not self.stopping:
                time.sleep(POLL)
            if self.stopping:
                return result
            self.report(NRestarts=self.state["NRestarts"] + 1)

    def _too_often(self):
        since = time.monotonic() - self.unit.seconds("StartLimitIntervalSec", "10s")
        most = int(self.unit.one("StartLimitBurst", "5"))
        return most and sum(begun > since for begun in self.begun) >= most

    def _start(self):
        credentials = tempfile.mkdtemp(dir=self.folder)
        self.unit.copy_credentials(credentials)
        environment = self.unit.environment(credentials) | {"NOTIFY_SOCKET": f"{self.folder}/notify"}
        if "WatchdogSec" in self.unit.values:
            environment["WATCHDOG_USEC"] = str(int(self.unit.seconds("WatchdogSec", "0") * 1e6))
        folder = self.unit.expand(self.unit.one("WorkingDirectory", "/")).lstrip("-").replace("~", str(Path.home()))
        with (STATE / f"{self.unit.name}.log").open("ab") as log:
            return subprocess.Popen(
                self.unit.command(credentials),
                env=environment,
                cwd=folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def _run_once(self):
        """Runs the process once; returns the result, as systemd calls it, and the exit code (negative: a signal)."""
        try:
            process = self._start()
        except OSError as error:
            with (STATE / f"{self.unit.name}.log").open("a") as log:
                log.write(f"{error}\n")
            return "exit-code", 203
        self.ready = self.unit.one("Type", "simple") != "notify"
        started = ("active", "running") if self.ready else ("activating", "start")
        self.report(ActiveState=started[0], SubState=started[1], MainPID=process.pid, StatusText="")
        result = self._attend(process)
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)  # what it left behind, as KillMode=control-group does
        return result or self._result(process.returncode), process.returncode

    def _result(self, code):
        if code in (0, -signal.SIGTERM, -signal.SIGINT, -signal.SIGHUP, -signal.SIGPIPE):
            return "success" if self.ready or self.stopping else "protocol"
        if code in self.unit.codes("SuccessExitStatus"):
            return "success"
        return "signal" if code < 0 else "exit-code"

    def _attend(self, process):
        """Waits for the end of the process; returns the reason if it was ended from here."""
        self.fed, result, kill_at = time.monotonic(), "", float("inf")
        self.start_by = self.fed + self.unit.seconds("TimeoutStartSec", "90s")
        self.watchdog = self.unit.seconds("WatchdogSec", "0") or float("inf")
        while process.poll() is None:
            self._receive()
            now = time.monotonic()
            if self.stopping and not result:
                result, number = "stopped", signal.SIGTERM
            elif not self.ready and now > self.start_by and not result:
                result, number = "timeout", signal.SIGTERM
            elif self.ready and now > self.fed + self.watchdog and not result:
                result, number = "watchdog", signal.SIGABRT
            elif now > kill_at:
                number = signal.SIGKILL
            else:
                continue
            kill_at = min(kill_at, now + self.unit.seconds("TimeoutStopSec", "90s"))
            self.report(ActiveState="deactivating", SubState=f"stop-{number.name.lower()}")
            with suppress(ProcessLookupError):
                os.killpg(process.pid, number)
        self._receive()
        return "" if result == "stopped" else result

    def _receive(self):
        """Heeds what the process has sent to NOTIFY_SOCKET; waits for a moment if that is nothing."""
        with suppress(TimeoutError):
            for line in self.socket.recv(65536).decode(errors="replace").splitlines():
                key, _, value = line.partition("=")
                if key == "READY" and not self.ready:
                    self.ready, self.fed = True, time.monotonic()
                    self.report(ActiveState="active", SubState="running")
                elif key == "WATCHDOG":
                    self.fed = time.monotonic() if value == "1" else float("-inf")
                elif key == "STATUS":
                    self.report(StatusText=value)
                elif key == "EXTEND_TIMEOUT_USEC":
                    self.start_by = max(self.start_by, time.monotonic() + int(value) / 1e6)
                elif key == "WATCHDOG_USEC":
                    self.watchdog = int(value) / 1e6


# The commands


def start(unit, *, wait=True):
    if loaded(unit) is None:
        print(f"Failed to start {unit}: Unit {unit} not found.", file=sys.stderr)
        return 5
    with held(f"{unit}.command"):
        if is_supervised(unit):
            return 0
        write_state(unit, {**DEAD, "ActiveState": "activating", "SubState": "start"})
        with (STATE / "supervisors.log").open("ab") as log:
            command = [sys.executable, __file__, "stand-in-supervise", unit]
            streams = {"stdin": subprocess.DEVNULL, "stdout": log, "stderr": log}
            process = subprocess.Popen(command, start_new_session=True, cwd="/", **streams)
        while not is_supervised(unit) and process.poll() is None:
            time.sleep(POLL)
    while wait:
        state = read_state(unit)
        if state["ActiveState"] == "active":
            return 0
        if state["ActiveState"] in ("failed", "inactive") or state["SubState"] == "auto-restart":
            print(f"Job for {unit} failed.", file=sys.stderr)
            return 1
        time.sleep(POLL)
    return 0


def stop(unit):
    with held(f"{unit}.command"):
        while is_supervised(unit):
            with suppress(ProcessLookupError, KeyError):
                os.kill(read_state(unit)["supervisor"], signal.SIGTERM)
            time.sleep(POLL)
    return 0


def supervise(unit):
    with held(f"{unit}.alive"):
        Supervisor(unit).run()
    return 0


def show(unit, wanted, *, bare):
    state = {"Id": unit, "LoadState": "loaded" if loaded(unit) else "not-found", **read_state(unit)}
    state["UnitFileState"] = "enabled" if (STATE / f"{unit}.enabled").exists() else "disabled"
    state["FragmentPath"] = str(unit_file(unit) or "")
    state.pop("supervisor", None)
    names = [name for words in wanted for name in words.split(",")] or list(state)
    for name in names:
        if name in state:
            print(state[name] if bare else f"{name}={state[name]}")
    return 0


def is_active(unit):
    state = read_state(unit)["ActiveState"]
    print(state)
    return 0 if state == "active" else 3


def is_enabled(unit):
    enabled = (STATE / f"{unit}.enabled").exists()
    print("enabled" if enabled else "disabled" if loaded(unit) else "not-found")
    return 0 if enabled else 1


def reload_units():
    for copy in STATE.glob("*.loaded"):
        file = unit_file(copy.name.removesuffix(".loaded"))
        if file:
            shutil.copyfile(file, copy)
        else:
            copy.unlink()
    return 0


def enable(unit, *, now, wait):
    if unit_file(unit) is None:
        print(f"Failed to enable unit: Unit file {unit} does not exist.", file=sys.stderr)
        return 1
    (STATE / f"{unit}.enabled").touch()
    return start(unit, wait=wait) if now else 0


def disable(unit, *, now):
    (STATE / f"{unit}.enabled").unlink(missing_ok=True)
    return stop(unit) if now else 0


def send_signal(unit, name):
    pid = read_state(unit)["MainPID"]
    if pid:
        os.kill(pid, int(name) if name.isdigit() else signal.Signals[f"SIG{name.upper().removeprefix('SIG')}"])
    return 0 if pid else 1


def reset(unit):
    if not is_supervised(unit):
        write_state(unit, DEAD)
    return 0


def restart(unit, *, wait):
    return stop(unit) or start(unit, wait=wait)


def try_restart(unit, *, wait):
    return restart(unit, wait=wait) if is_supervised(unit) else 0


def print_unit(unit):
    text = loaded(unit)
    print(text if text is not None else f"No files found for {unit}.", file=sys.stderr if text is None else sys.stdout)
    return 0 if text is not None else 1


def stop_everything():
    for file in STATE.glob("*.alive"):
        stop(file.name.removesuffix(".alive"))
    return 0


def parse(arguments):
    parser = argparse.ArgumentParser(prog="systemctl")
    for flag in FLAGS:
        parser.add_argument(flag, action="store_true")
    parser.add_argument("--quiet", "-q", action="store_true")
    parser.add_argument("--lines", "-n")
    parser.add_argument("--property", "-p", action="append", default=[])
    parser.add_argument("--signal", "-s", default="TERM")
    parser.add_argument("command", nargs="?", default="")
    parser.add_argument("units", nargs="*")
    return parser.parse_intermixed_args(arguments)


def on_everything(command):
    """A command without a unit; None if it isn't one."""
    if command == "daemon-reload":
        return reload_units()
    if command == "stand-in-exit":
        return stop_everything()
    if command in ("is-system-running", "show-environment", "show", "status", ""):
        print("running" if command == "is-system-running" else "systemd 252 (stand-in)")
        return 0
    return None


def main(arguments):
    STATE.mkdir(parents=True, exist_ok=True)
    options = parse(arguments)
    wait, now = not options.no_block, options.now
    if options.command != "stand-in-supervise":
        with (STATE / "commands.log").open("a") as log:
            log.write(shlex.join(arguments) + "\n")
    commands = {
        "start": lambda unit: start(unit, wait=wait),
        "stop": stop,
        "restart": lambda unit: restart(unit, wait=wait),
        "try-restart": lambda unit: try_restart(unit, wait=wait),
        "enable": lambda unit: enable(unit, now=now, wait=wait),
        "disable": lambda unit: disable(unit, now=now),
        "show": lambda unit: show(unit, options.property, bare=options.value),
        "status": lambda unit: show(unit, [], bare=False),
        "is-active": is_active,
        "is-enabled": is_enabled,
        "reset-failed": reset,
        "kill": lambda unit: send_signal(unit, options.signal),
        "cat": print_unit,
        "stand-in-supervise": supervise,
    }
    if not options.units and (code := on_everything(options.command)) is not None:
        return code
    if options.command not in commands:
        print(f"Unknown command verb {options.command}.", file=sys.stderr)
        return 1
    return max([commands[options.command](unit_name(word)) for word in options.units], default=0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
