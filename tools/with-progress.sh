#!/bin/sh
# Runs a command and shows, every few seconds, that it is still at work: with-progress.sh "what it does" command ...
what=$1; shift
start=$(date +%s)
"$@" &
worker=$!
trap 'kill $worker 2>/dev/null; wait $worker 2>/dev/null; exit 130' INT TERM
while kill -0 $worker 2>/dev/null; do
  sleep 1
  elapsed=$(($(date +%s) - start))
  [ $((elapsed % 10)) -eq 2 ] && echo "  $what ... ${elapsed} s"
done
wait $worker
