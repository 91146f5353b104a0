"""Puts files with secrets onto a device: through the connection, never on a command line, readable by the user alone.

A file whose content differs from the earlier one gets a new name. So the earlier release still has its own password
when a new one proves wrong, and no name tells anything about a content.
"""

from __future__ import annotations

from edgetl.host.deploy.run_files import RunFiles
from edgetl.host.deploy.transport import Ssh

_STORE = """
umask 077
mkdir -p edgetl/secrets && chmod 700 edgetl/secrets && cd edgetl/secrets || exit 1
new=".$1.$$"
trap 'rm -f "$new"' EXIT
cat >"$new" || exit 1
n=1
while [ -e "$1-$n" ] && ! cmp -s "$1-$n" "$new"; do n=$((n + 1)); done
[ -e "$1-$n" ] || mv "$new" "$1-$n" || exit 1
echo "$1-$n"
"""
"""Stores stdin as a file with a number after the given name, unless one has that content, and prints its name."""
_MAKE_TOKEN = """
umask 077
mkdir -p edgetl/secrets && chmod 700 edgetl/secrets && cd edgetl/secrets || exit 1
[ -s token-file ] && exit 0
od -An -N16 -tx1 /dev/urandom | tr -d ' \\n' >".token-file.$$" && mv ".token-file.$$" token-file && echo made
"""


def put_secrets(ssh: Ssh, run: RunFiles) -> dict[str, str]:
    """Copies the files that the options of a run name, and makes the page's token if it needs one.

    Args:
        ssh: the open connection to the device.
        run: the options and their files.

    Returns:
        The names of the files on the device, by the option.

    Raises:
        NoConnectionError: the connection was lost.
        RemoteError: a file can't be written there.
    """
    names = {}
    for option, path in run.files.items():
        names[option] = ssh.run(["sh", "-c", _STORE, "sh", option], path.read_bytes()).strip()
    if run.token:
        ssh.run(["sh", "-c", _MAKE_TOKEN])
    return names
