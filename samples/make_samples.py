"""Draw the sample images again, the same ones every time.

.venv/development/bin/python samples/make_samples.py [--output FOLDER]
"""

import argparse
from pathlib import Path

import numpy as np

from drawing import FRUITS, draw
from hostile import jpeg, readable, unreadable

IMAGES = Path(__file__).resolve().parent / "images"
EACH = 12
SEED = 1


def samples() -> dict[str, bytes]:
    """Return every sample's content by its path, which is its key in the bucket: `<class>/<name>`."""
    rng = np.random.default_rng(SEED)
    names = [(fruit, f"{fruit}/{fruit}-{number:02}.jpg") for fruit in FRUITS for number in range(EACH)]
    drawn = {name: jpeg(draw(FRUITS[fruit], rng)) for fruit, name in names}
    return drawn | readable(rng) | unreadable(rng)


def write(folder: Path) -> None:
    """Write all samples below `folder`."""
    print(f"drawing into {folder}", flush=True)
    for path, content in samples().items():
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", type=Path, default=IMAGES)
    write(parser.parse_args().output)
