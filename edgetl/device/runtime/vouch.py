"""Files that nothing vouches for are tried in a process of their own before this one opens them.

A stranger's model file can crash the library that opens it, or take all memory; a bundle's digests don't help, for the
stranger made them, too. So a file is opened here only if the same content was opened before by the same library without
harm: either in a child process that is given up when it crashes, takes too much or lasts too long, or by `edgetl
convert`, which made it. What passed is remembered by its SHA-256 in the user's cache, so that a second start pays for
one digest alone, and within a process not even for that.
"""

from __future__ import annotations

import hashlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from edgetl.device.runtime.flatbuffer_table import LARGEST_MODEL
from edgetl.device.runtime.probe import NO_MEMORY, REFUSED, SECONDS
from edgetl.device.runtime.tflite_structure import require_sound
from edgetl.errors import EdgetlError, ModelError
from edgetl.files import sha256_of
from edgetl.text import printable

MEMORY = 512 << 20
"""A file may take so many bytes of memory to load and run, and four times its own size."""
_CHECKS = "1"
"""To be counted up when a file that passed until now has to be tried again."""
_POLL = 0.01
"""How often the memory of the process is looked at, s: within it, it takes some 50 MB more at most."""
_REMEDY = "copy the file again from where it was made; don't use it if it came from a stranger"
_START = (
    "import json, sys; sys.path[:] = json.loads(sys.argv[1]); "
    "from edgetl.device.runtime.probe import main; main(*sys.argv[2:])"
)
"""The process finds the packages where this one finds them."""

_known: set[tuple[object, ...]] = set()
"""The files that passed in this process: their paths, sizes and times."""


def require_vouched(name: str, path: Path, version: str) -> None:
    """Passes where a model file can be opened without harm.

    Args:
        name: the runtime, a key of `edgetl.device.runtime.RUNTIMES`.
        path: the model file.
        version: of the runtime's library: what one version opens, another one may not.

    Raises:
        ModelError: the file is damaged, or takes too much memory or time.
        EdgetlError: no process can be started.
    """
    files = _files(name, path)
    identity = (name, *map(_identity, files))
    if identity in _known:
        return
    size = sum(file.stat().st_size for file in files)
    if size > LARGEST_MODEL:
        what = f"the model has {size >> 20:,} MB, and {LARGEST_MODEL >> 20} are allowed"
        raise ModelError(what, where=str(path), remedy=_REMEDY)
    note = _note(name, files, version)
    if note is None or not note.exists():
        if name == "tflite":
            require_sound(path)
        _probe(name, path, size)
        _write(note)
    _known.add(identity)


def remember(name: str, path: Path, version: str) -> None:
    """Notes that a model file that was made here was opened without harm; see `require_vouched`."""
    _write(_note(name, _files(name, path), version))


def _files(name: str, path: Path) -> list[Path]:
    files = [path, path.with_suffix(".bin")] if name == "openvino" else [path]
    return [file for file in files if file.is_file()]


def _identity(file: Path) -> tuple[object, ...]:
    status = file.stat()
    return file.resolve(), status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino


def _note(name: str, files: Sequence[Path], version: str) -> Path | None:
    """The empty file whose name says that a model passed; None where there is no place for it."""
    try:
        cache = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    except RuntimeError:  # a service may have no home
        return None
    folder = Path(os.environ.get("EDGETL_CACHE") or Path(cache) / "edgetl")
    content = " ".join([_CHECKS, name, version, *map(sha256_of, files)])
    return folder / "opened" / hashlib.sha256(content.encode()).hexdigest()


def _write(note: Path | None) -> None:
    if note:
        with suppress(OSError):  # without a place to remember, every start tries the file again
            note.parent.mkdir(parents=True, exist_ok=True)
            note.touch()


def _probe(name: str, path: Path, size: int) -> None:
    """Tries a file in a child process."""
    if not sys.executable:  # Python inside another program: there is nothing to start
        return
    # -P: no module of the current folder may take the place of one of Python's own.
    command = [sys.executable, "-P", "-c", _START, json.dumps(sys.path), name, str(path)]
    environment = os.environ | {"MALLOC_ARENA_MAX": "2"}  # each arena takes address space
    try:
        child = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=environment,
            start_new_session=True,  # Ctrl-C is for this process, which then ends the child
        )
    except OSError as error:
        raise EdgetlError(f"no process can be started to try the model in: {error}", where=str(path)) from error
    try:
        answer, problem = _watch(child, MEMORY + 4 * size)
    finally:
        if child.poll() is None:
            child.kill()
        child.communicate()
    if problem:
        what = f"the model {problem}; it is damaged, made to do harm, or too large for a small computer"
        raise ModelError(what, where=str(path), remedy=_REMEDY)
    if child.returncode:
        raise _refused(child.returncode, answer, path)


def _watch(child: subprocess.Popen[bytes], most: int) -> tuple[bytes, str]:
    """Waits for the child's end; returns what it printed, and what it took too much of."""
    end = time.monotonic() + 2 * SECONDS
    while time.monotonic() < end:
        try:
            return child.communicate(timeout=_POLL)[0], ""
        except subprocess.TimeoutExpired:
            if _memory(child.pid) > most:
                return b"", f"takes more than {most >> 20} MB of memory"
    return b"", f"takes more than {2 * SECONDS} s to open"


def _memory(pid: int) -> int:
    """The memory that a process has now, bytes; 0 where the system doesn't tell."""
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, IndexError, ValueError):
        return 0


def _refused(code: int, answer: bytes, path: Path) -> ModelError:
    """The error of a child that ended with another exit code than 0."""
    if code == REFUSED:
        with suppress(ValueError, KeyError, TypeError):
            refusal = json.loads(answer)
            return ModelError(printable(refusal["what"]), where=str(path), remedy=printable(refusal["remedy"]))
    if code == NO_MEMORY:
        how = "for want of memory"
    elif -code == getattr(signal, "SIGXCPU", None):
        how = f"after {SECONDS} s of processor time"
    else:
        how = f"by the signal {signal.Signals(-code).name}" if code < 0 else f"with exit code {code}"
    what = f"the process that tried the model ended {how}: the file is damaged, or made to do harm"
    return ModelError(what, where=str(path), remedy=_REMEDY)
