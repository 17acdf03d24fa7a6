#!/bin/sh
# Runs uv: the one on the PATH if it is new enough, else the pinned one of .venv/uv. Ends with 127 if there is neither.
# uv does not read pip's configuration. Where uv has no index of its own, it gets pip's.
root=$(dirname "$0")/..
python=${PYTHON:-python3.11}

# 0.9 is the oldest uv that this project was tried with
new_enough() {
  "$1" --version 2>/dev/null | awk '$1 == "uv" { split($2, v, "."); found = v[1] > 0 || v[2] >= 9 } END { exit !found }'
}

find_uv() {
  for candidate in uv "$root/.venv/uv/bin/uv"; do
    if new_enough "$candidate"; then echo "$candidate"; return; fi
  done
  return 127
}

has_index() {
  [ -n "${UV_DEFAULT_INDEX-}${UV_INDEX_URL-}${UV_INDEX-}${UV_EXTRA_INDEX_URL-}${UV_FIND_LINKS-}" ] && return
  cat "${UV_CONFIG_FILE:-${XDG_CONFIG_HOME:-$HOME/.config}/uv/uv.toml}" /etc/uv/uv.toml 2>/dev/null | grep -Eq 'index|find-links'
}

# pip's value of a setting; the environment comes before the section of the command, that one before [global]
setting() {
  for section in ':env:' install global; do
    value=$(printf '%s\n' "$settings" | sed -n "s/^$section\.*$1='\(.*\)'\$/\1/p" | sed 's/\\n/ /g; s/^ *//')
    if [ -n "$value" ]; then echo "$value"; return; fi
  done
}

take_pips_index() {
  settings=$("$python" -m pip config list 2>/dev/null || python3 -m pip config list 2>/dev/null || pip config list 2>/dev/null)
  index=$(setting index-url) more=$(setting extra-index-url) links=$(setting find-links) certificates=$(setting cert)
  [ -n "$index" ] && export UV_DEFAULT_INDEX="$index"
  # pip takes a version from any index; the hashes say which file is the right one
  [ -n "$more" ] && export UV_INDEX="$more" UV_INDEX_STRATEGY=unsafe-best-match
  for link in $links; do
    # pip passes over a folder that is not there
    case $link in *://*) ;; *) [ -d "$link" ] || continue ;; esac
    export UV_FIND_LINKS="${UV_FIND_LINKS:+$UV_FIND_LINKS,}$link"
  done
  [ -n "$certificates" ] && export SSL_CERT_FILE="${SSL_CERT_FILE:-$certificates}"
}

uv=$(find_uv) || exit 127
if [ "$1" = pip ] && ! has_index; then take_pips_index; fi
exec "$uv" "$@"
