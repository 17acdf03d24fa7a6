#!/bin/sh
# Runs a command and shows, every few seconds, that it is still at work: with-progress.sh "what it does" command ...
what=$1; shift
start=$(date +%s) next=2
"$@" &
worker=$!
trap 'kill $worker 2>/dev/null; wait $worker 2>/dev/null; exit 130' INT TERM
while kill -0 $worker 2>/dev/null; do
  sleep 0.1
  elapsed=$(($(date +%s) - start))
  [ $elapsed -ge $next ] && echo "  $what ... ${elapsed} s" && next=$((elapsed + 10))
done
wait $worker
