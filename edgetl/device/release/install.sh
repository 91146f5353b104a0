#!/bin/sh
# Installs the release beside this file for the user who calls it, without internet:
#
#   sh install.sh [OPTIONS OF THE SWITCH]
#
# It checks every file, makes the environment, replays the golden photos, switches, and watches the run. If the run
# fails, the earlier release comes back by itself. The options are those of the switch, such as `--watch 120`, or
# `--install system` for a service of the system, which needs sudo without a password; by default, the service is that
# of the user's own manager. Updaters that run as root name the user: EDGETL_USER=pi sh install.sh
#
# Exit codes: 0 the release runs; 1 a step failed; 2 this device can't run it, or another deployment is at work; 4 a file
# was altered; 5 the golden replay or the run failed.
set -eu

if [ "$(id -u)" = 0 ]; then
  if [ -z "${EDGETL_USER:-}" ]; then
    echo "edgetl does not run as root: name the user that it is for, as in EDGETL_USER=pi sh install.sh" >&2
    exit 2
  fi
  home=$(getent passwd "$EDGETL_USER" | cut -d: -f6)
  exec runuser -u "$EDGETL_USER" -- env -u EDGETL_USER HOME="$home" sh "$0" "$@"
fi

here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
python=${EDGETL_PYTHON:-python3}
holder="$(id -un)@$(uname -n)"

named() { # prints a value of release.json
  "$python" -I -c 'import json, sys; print(json.load(open(sys.argv[1]))[sys.argv[2]])' "$here/release/release.json" "$1"
}
digest=$(named digest)
env=$(named env)

mkdir -p "$HOME/edgetl/incoming"
rm -rf "$HOME/edgetl/incoming/$digest"
cp -R "$here/release" "$HOME/edgetl/incoming/$digest"
"$python" -I "$here/bootstrap.py" receive "$digest" --holder "$holder" --wait 600
"$python" -I "$here/bootstrap.py" env "$digest" --holder "$holder" --wait 600

cd /
release() { "$HOME/edgetl/envs/$env/bin/python" -I -m edgetl.device.release "$@"; }
release verify "$digest"
release switch "$digest" --holder "$holder" --wait 600 --install user "$@"
