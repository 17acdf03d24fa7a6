"""What one image file costs a worker: seconds of decoding and resizing, and the memory of a process that does it once.

one_file.py SIDE FILE   prints milliseconds (the first time, and the best of ten), the peak in MB, and the mean pixel
"""

import json
import sys
import time
from pathlib import Path

from pomona.imaging.decoding import decode, resize
from pomona.imaging.limits import Limits

LIMITS = Limits(max_image_pixels=100_000_000, max_decoded_bytes=2**30, max_jpeg_scans=100)
REPEATS = 10


def once(body: bytes, side: int) -> tuple[float, float]:
    """Seconds, and the mean of the pixels that the network would see."""
    began = time.perf_counter()
    pixels = resize(decode(body, side, side, LIMITS).image, side, side)
    return time.perf_counter() - began, float(pixels.mean())


def peak_megabytes() -> float:
    """Of this program. `getrusage` would count what the parent had before exec, too."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) / 1024


def main() -> None:
    """The file of the command line."""
    side, body = int(sys.argv[1]), Path(sys.argv[2]).read_bytes()
    first, mean = once(body, side)
    peak = peak_megabytes()
    best = min(once(body, side)[0] for _ in range(REPEATS)) if first < 1 else first
    print(json.dumps({"first_ms": first * 1e3, "best_ms": best * 1e3, "peak_mb": peak, "mean": mean}))


if __name__ == "__main__":
    main()
