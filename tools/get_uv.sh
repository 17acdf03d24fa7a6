#!/bin/sh
# Makes sure that there are a uv and a Python 3.11 for the environments: get_uv.sh PYTHON
python=$1
here=$(dirname "$0")
root=$here/..
uv() { sh "$here/uv.sh" "$@"; }
lacks() { echo "Pomona needs $1: $2" >&2; exit 1; }

install_uv() {
  command -v "$python" >/dev/null 2>&1 || python=python3
  echo "installing uv (once)"
  rm -rf "$root/.venv/uv"
  "$python" -m venv "$root/.venv/uv" && "$root/.venv/uv/bin/python" -m pip install --quiet --disable-pip-version-check \
    --require-hashes --no-deps --only-binary=:all: -r "$root/requirements/uv.txt"
}

if ! uv --version >/dev/null 2>&1; then
  install_uv || lacks "uv" "pip could not install it (see above); install uv 0.9 or newer, or let pip reach its index"
fi
if ! command -v "$1" >/dev/null 2>&1; then
  uv python find --quiet 3.11 >/dev/null 2>&1 || uv python install --quiet 3.11 >/dev/null 2>&1 ||
    lacks "Python 3.11 ('$1' is not on the PATH, and uv could not download it)" \
      "apt-get install python3.11 python3.11-venv, or make PYTHON=/path/to/python3.11"
fi
