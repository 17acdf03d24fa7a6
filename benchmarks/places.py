"""Where the benchmarks find and keep things: all below the repository, and everything that is made below .build/."""

from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BUILD = ROOT / ".build" / "bench"
RESULTS = ROOT / "benchmarks" / "results.json"
OTHER_RESULTS = sorted((ROOT / "benchmarks").glob("results-*.json"))
"""Rows of other machines: `python -m benchmarks --rows … --out benchmarks/results-NAME.json`."""
SPARK = ROOT / ".venv" / "spark"
PYTHON = ROOT / ".venv" / "benchmarks" / "bin" / "python"
PEERS_PYTHON = ROOT / ".venv" / "peers" / "bin" / "python"
DEVELOPMENT_PYTHON = ROOT / ".venv" / "development" / "bin" / "python"


class BenchError(Exception):
    """The measurement cannot go on; the text says why, and what to do."""
