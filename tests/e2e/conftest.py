"""One demo on the sample images for all tests that look at its outcome; its embedded AWS stays up for them.

It runs as on a machine whose proxy does not answer: a request that wrongly goes through the proxy fails.
"""

import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
DEAD_PROXY = "http://127.0.0.1:9"
SAMPLES = ROOT / "samples" / "images"
LINE = re.compile(
    r"demo: images=(?P<images>\d+) features=(?P<features>\d+) errors=(?P<errors>\d+) runs=(?P<runs>\d+) "
    r"components=(?P<components>\d+) variance=(?P<variance>\d\.\d\d) seconds=\d+"
)


@dataclass(frozen=True)
class Demo:
    """A finished demo whose embedded AWS is still up."""

    out: Path
    printed: str
    endpoint: str
    state: Path

    @property
    def figures(self) -> dict[str, float]:
        found = LINE.fullmatch(self.printed.strip().splitlines()[-1])
        assert found, self.printed
        return {name: float(value) for name, value in found.groupdict().items()}


@pytest.fixture(scope="session")
def proxied() -> dict[str, str]:
    """The environment of a user who has a proxy for everything and has exempted no host."""
    kept = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
    names = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY")
    return kept | {spelled: DEAD_PROXY for name in names for spelled in (name, name.lower())}


def command_of_make_demo() -> str:
    """Return what `make demo KEEP=1` runs after the setup, whose environments the tests use already."""
    printed = subprocess.run(
        ["make", "--dry-run", "demo", "KEEP=1"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    (command,) = (line for line in printed.stdout.splitlines() if " -m demo " in line)
    return command


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory, proxied: dict[str, str]) -> Iterator[Demo]:
    folder = tmp_path_factory.mktemp("a clone of mine")
    # a build's pip needs a proxy that answers: what it fetches is kept, and fetched here
    subprocess.run([sys.executable, ROOT / "tools/build.py", "function", "ingest", folder / "built"], check=True)
    out = folder / "demo-out"
    environment = proxied | {"IMAGES_PATH": "samples/images"}
    command = command_of_make_demo().replace("--out demo-out", f"--out {shlex.quote(str(out))}")
    done = subprocess.run(["sh", "-c", command], cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    state = Path(re.search(r"STATE='(.+)'", done.stdout)[1])
    yield Demo(out, done.stdout, (state / "endpoint").read_text().strip(), state)
    subprocess.run(
        [sys.executable, "-m", "embedded_aws", "down", "--state", str(state)], cwd=ROOT, check=True, capture_output=True
    )
    shutil.rmtree(state)
