"""`make bench`: measures the groups of rows one after the other, and keeps each as soon as it is done."""

import argparse
import signal
import sys
import time
from pathlib import Path

from benchmarks.bench import Options, bench
from benchmarks.machine import machine
from benchmarks.pictures import Pictures
from benchmarks.places import RESULTS, BenchError
from benchmarks.results import keep, read, table
from benchmarks.rows import GROUPS


def arguments(words: list[str]) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("--rows", default="", help=f"groups, with commas between them: {','.join(GROUPS)}")
    parser.add_argument("--quick", action="store_true", help="small sizes: a check that it runs")
    parser.add_argument("--images", type=Path, help="a tar or folder of images; without it they are generated")
    parser.add_argument("--weights", type=Path, help="a no-top weights file of Keras")
    parser.add_argument("--backbone", default="mobilenet_v2", help="mobilenet_v2, vgg16 or inception_v3")
    parser.add_argument("--out", type=Path, default=RESULTS)
    return parser.parse_args(words)


def chosen(rows: str) -> list[str]:
    """The names of the groups; BenchError for one that does not exist."""
    names = [name.strip() for name in rows.split(",") if name.strip()] or list(GROUPS)
    for name in names:
        if name not in GROUPS:
            raise BenchError(f"ROWS names {name!r}; there are {', '.join(GROUPS)}")
    return names


def measure(options: argparse.Namespace) -> None:
    """Measure the groups, each with its own files, and show the table."""
    for path in filter(None, (options.images, options.weights)):
        if not path.exists():
            raise BenchError(f"there is no {path}: IMAGES takes a tar or a folder, WEIGHTS a file of Keras")
    pictures = Pictures(options.images)
    chosen_options = Options(options.quick, pictures, options.backbone, options.weights)
    about = machine() | {"quick": options.quick, "images": str(pictures), "backbone": options.backbone}
    with bench(chosen_options) as one:
        for name in chosen(options.rows):
            began = time.monotonic()
            print(f"{name} …", flush=True)
            keep(options.out, about, name, GROUPS[name](one), list(GROUPS))
            one.clear()
            print(f"{name}: {time.monotonic() - began:.0f} s", flush=True)
    print(table(read(options.out)))


def main() -> None:
    """The command. However it ends, what it started ends with it."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("bench: ended; what was measured is kept"))
    try:
        measure(arguments(sys.argv[1:]))
    except BenchError as error:
        sys.exit(f"bench: {error}")
    except KeyboardInterrupt:
        sys.exit("bench: interrupted; what was measured is kept")


if __name__ == "__main__":
    main()
