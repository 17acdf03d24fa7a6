"""Starts a process, waits for it, and says how long it took and how much memory it and its children had."""

import json
import os
import select
import signal
import subprocess
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil  # type: ignore[import-untyped]

from benchmarks.places import BenchError
from benchmarks.usage import TreeUsage

TIMEOUT_SECONDS = 1800


@dataclass(frozen=True)
class Finished:
    """A process that ended well."""

    seconds: float
    peak_bytes: int
    cpu_seconds: float
    output: str
    """What it wrote to standard output."""

    @property
    def told(self) -> dict[str, Any]:
        """The JSON in the last line of what it wrote."""
        return dict(json.loads(self.output.strip().splitlines()[-1]))


def run(command: Sequence[str | Path], environment: Mapping[str, str], folder: Path) -> Finished:
    """Run the command in the folder; BenchError with the end of what it said if it fails. Children end with it."""
    log = folder / "stderr"
    began = time.perf_counter()
    with tempfile.TemporaryFile() as output, log.open("wb") as errors:
        process = subprocess.Popen(
            [str(word) for word in command],
            env=dict(environment),
            cwd=folder,
            stdout=output,
            stderr=errors,
            start_new_session=True,
        )
        try:
            with TreeUsage(process.pid) as usage:
                status = _waited(process)
                seconds = time.perf_counter() - began
        finally:
            _end_group(process)
        output.seek(0)
        said = output.read().decode(errors="replace")
        if status:
            last = [*log.read_text(errors="replace").splitlines()[-10:], *said.splitlines()[-10:]]
            raise BenchError(f"{Path(command[0]).name} ended with {status}:\n" + "\n".join(last))
        return Finished(seconds, usage.peak_bytes, usage.cpu_seconds, said)


def cpu_seconds(process: int) -> float:
    """What a process has used of the cores so far."""
    times = psutil.Process(process).cpu_times()
    return float(times.user + times.system)


def _waited(process: subprocess.Popen[bytes]) -> int:
    """Return the status of the process as soon as it ends: `wait` with a time-out looks every 50 ms only."""
    descriptor = os.pidfd_open(process.pid)
    try:
        if not select.select([descriptor], [], [], TIMEOUT_SECONDS)[0]:
            raise BenchError(f"process {process.pid} did not end within {TIMEOUT_SECONDS} s")
    finally:
        os.close(descriptor)
    return process.wait()


def _end_group(process: subprocess.Popen[bytes]) -> None:
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        return
    process.wait()
