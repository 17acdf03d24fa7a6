"""The machine that is measured on, as results.json describes it."""

import os
import platform
import subprocess
from importlib.metadata import version
from pathlib import Path
from typing import Any

import psutil  # type: ignore[import-untyped]

from benchmarks.gateway import VERSION
from benchmarks.places import SPARK

PACKAGES = ("numpy", "pyarrow", "pillow", "obstore", "ai-edge-litert", "tensorflow", "keras")


def cores() -> int:
    """The cores that this process may use."""
    return len(os.sched_getaffinity(0))


def machine() -> dict[str, Any]:
    """Processor, memory, and the versions of everything that is measured."""
    return {
        "processor": processor(),
        "cores": cores(),
        "memory_gb": round(psutil.virtual_memory().total / 1e9, 1),
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "java": _java(),
        "spark": next(SPARK.glob("lib/python3*/site-packages/pyspark-*.dist-info"))
        .name.split("-")[1]
        .split(".dist")[0],
        "versitygw": VERSION,
        **{name: version(name) for name in PACKAGES},
    }


def processor() -> str:
    """The processor's name."""
    found = [line for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")]
    return found[0].partition(":")[2].strip() if found else platform.machine()


def _java() -> str:
    said = subprocess.run(["java", "-version"], capture_output=True, check=True, text=True).stderr
    return said.splitlines()[0].split('"')[1]
