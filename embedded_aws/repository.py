"""Where the embedded AWS finds what belongs to this repository and not to a state folder."""

from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
SPARK = ROOT / ".venv" / "spark"
UNPACKED_ARCHIVES = ROOT / ".build" / "unpacked"
