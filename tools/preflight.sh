#!/bin/sh
# Names what a machine lacks, in one sentence with the command that installs it, before any work starts.
python=$1 java=$2
lacks() { echo "Pomona needs $1: $2" >&2; exit 1; }
has_venv() { "$1" -c 'import ensurepip, venv' >/dev/null 2>&1; }
has_uv() { sh "$(dirname "$0")/uv.sh" --version >/dev/null 2>&1; }

if command -v "$python" >/dev/null 2>&1; then
  [ "$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')" = 3.11 ] ||
    lacks "Python 3.11 ('$python' is $("$python" -V 2>&1))" "apt-get install python3.11 python3.11-venv, or make PYTHON=/path/to/python3.11"
  has_uv || has_venv "$python" || lacks "uv, or Python's venv module" "apt-get install python3.11-venv"
else
  # uv brings the default Python where it can; another one must be there
  [ "$python" = python3.11 ] && { has_uv || has_venv python3; } ||
    lacks "Python 3.11 ('$python' is not on the PATH)" "apt-get install python3.11 python3.11-venv"
fi
command -v "$java" >/dev/null 2>&1 || lacks "Java 17 or 21 ('$java' is not on the PATH)" "apt-get install openjdk-17-jre-headless"
version=$("$java" -version 2>&1 | sed -n 's/.*version "\([0-9]*\).*/\1/p' | head -n 1)
case $version in 17|21) ;; *) lacks "Java 17 or 21 ('$java' is version ${version:-unknown})" "apt-get install openjdk-17-jre-headless, or make JAVA=/path/to/java" ;; esac
