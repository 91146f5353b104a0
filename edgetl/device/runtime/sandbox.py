"""The sandbox: an unknown model file is first opened in a process of its own.

A model file from a stranger can crash the library that opens it, or take all memory. The digests of a bundle don't
protect, because the stranger made them, too. So this process opens a file only if the same version of the library
opened the same content before without harm: either in a child process, which is ended when it crashes, takes too much
memory or lasts too long, or in `edgetl convert`, which made the file. Harmless content is remembered by its SHA-256 in
the user's cache. A second start then costs one digest, and a second opening in the same process costs nothing.
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
from edgetl.device.runtime.sandbox_process import NO_MEMORY, REFUSED, SECONDS
from edgetl.device.runtime.tflite_structure import require_sound
from edgetl.errors import EdgetlError, ModelError
from edgetl.files import sha256_of
from edgetl.text import printable

MEMORY = 512 << 20
"""A file may take this much memory to load and run, in bytes, and four times its own size on top."""
_CHECKS = "1"
"""The version of the checks: raise it when files that passed before must be tried again."""
_POLL = 0.01
"""Time between two readings of the child's memory, s, in which it can take about 50 MB more."""
_REMEDY = "copy the file again from where it was made; don't use it if it came from a stranger"
_START = (
    "import json, sys; sys.path[:] = json.loads(sys.argv[1]); "
    "from edgetl.device.runtime.sandbox_process import main; main(*sys.argv[2:])"
)
"""The child's program: it finds packages in the same folders as this process."""

_known: set[tuple[object, ...]] = set()
"""The files that this process knows to be harmless, by their paths, sizes and times.

Several threads may add to it at once; the worst result is that a file is tried twice."""


def require_harmless(name: str, path: Path, version: str) -> None:
    """Refuses a model file that can't be opened without harm; an unknown one is tried in a child process.

    Args:
        name: the runtime, a key of `edgetl.device.runtime.RUNTIMES`.
        path: the model file.
        version: the version of the runtime's library; a file is tried again with another version.

    Raises:
        ModelError: the file is damaged, or takes too much memory or time.
        EdgetlError: no child process can be started.
    """
    files = _files(name, path)
    identity = (name, *map(_identity, files))
    if identity in _known:
        return
    size = sum(file.stat().st_size for file in files)
    if size > LARGEST_MODEL:
        what = f"the model has {size >> 20:,} MB, and {LARGEST_MODEL >> 20} are allowed"
        raise ModelError(what, where=str(path), remedy=_REMEDY)
    marker = _marker(name, files, version)
    if marker is None or not marker.exists():
        if name == "tflite":
            require_sound(path)
        _try_in_child(name, path, size)
        _write(marker)
    _known.add(identity)


def remember_harmless(name: str, path: Path, version: str) -> None:
    """Remembers a model file that this program made, so that `require_harmless` need not try it."""
    _write(_marker(name, _files(name, path), version))


def _files(name: str, path: Path) -> list[Path]:
    files = [path, path.with_suffix(".bin")] if name == "openvino" else [path]
    return [file for file in files if file.is_file()]


def _identity(file: Path) -> tuple[object, ...]:
    status = file.stat()
    return file.resolve(), status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino


def _marker(name: str, files: Sequence[Path], version: str) -> Path | None:
    """Returns the empty file in the cache that marks a model as harmless; None if there is no cache."""
    try:
        cache = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    except RuntimeError:  # a service may have no home
        return None
    folder = Path(os.environ.get("EDGETL_CACHE") or Path(cache) / "edgetl")
    content = " ".join([_CHECKS, name, version, *map(sha256_of, files)])
    return folder / "opened" / hashlib.sha256(content.encode()).hexdigest()


def _write(marker: Path | None) -> None:
    if marker:
        with suppress(OSError):  # if the cache can't be written, every start tries the file again
            marker.parent.mkdir(parents=True, exist_ok=True)
            marker.touch()


def _try_in_child(name: str, path: Path, size: int) -> None:
    """Opens and runs a file in a child process; raises ModelError if the child fails."""
    if not sys.executable:  # Python is embedded in another program, so no child can be started
        return
    # -P keeps modules of the current folder from replacing Python's own.
    command = [sys.executable, "-P", "-c", _START, json.dumps(sys.path), name, str(path)]
    environment = os.environ | {"MALLOC_ARENA_MAX": "2"}  # each arena of the allocator takes address space
    try:
        child = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=environment,
            start_new_session=True,  # Ctrl-C reaches this process alone, which then ends the child
        )
    except OSError as error:
        what = f"no process can be started to try the model in: {error}"
        remedy = "end other programs to free memory, then start again"
        raise EdgetlError(what, where=str(path), remedy=remedy) from error
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
    """Waits for the end of the child; returns its output, and which limit it exceeded (empty if none)."""
    end = time.monotonic() + 2 * SECONDS
    while time.monotonic() < end:
        try:
            return child.communicate(timeout=_POLL)[0], ""
        except subprocess.TimeoutExpired:
            if _memory(child.pid) > most:
                return b"", f"takes more than {most >> 20} MB of memory"
    return b"", f"takes more than {2 * SECONDS} s to open"


def _memory(pid: int) -> int:
    """Returns the memory of a process now, bytes; 0 if the system doesn't report it."""
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, IndexError, ValueError):
        return 0


def _refused(code: int, answer: bytes, path: Path) -> ModelError:
    """Returns the error for a child that ended with another exit code than 0."""
    if code == REFUSED:
        with suppress(ValueError, KeyError, TypeError):
            refusal = json.loads(answer)
            return ModelError(printable(refusal["what"]), where=str(path), remedy=printable(refusal["remedy"]))
    if code == NO_MEMORY:
        how = "because the memory was exhausted"
    elif -code == getattr(signal, "SIGXCPU", None):
        how = f"after {SECONDS} s of processor time"
    else:
        how = f"by the signal {signal.Signals(-code).name}" if code < 0 else f"with exit code {code}"
    what = f"the process that tried the model ended {how}: the file is damaged, or made to do harm"
    return ModelError(what, where=str(path), remedy=_REMEDY)
