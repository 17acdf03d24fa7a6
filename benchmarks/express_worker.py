"""A function `express` that is warm: one core, modules imported once. It answers each batch with its record.

express_worker.py BACKBONES    the folder of the exported networks
"""

import json
import os
import sys
import time
from pathlib import Path

BEGAN = time.perf_counter()
os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})  # one vCPU, also while the modules are imported

from pomona.express.run import ExpressLimits, featurize_express  # noqa: E402
from pomona.featurize.arguments import parse_arguments  # noqa: E402
from pomona.stopwatch import Stopwatch  # noqa: E402

IMPORT_SECONDS = time.perf_counter() - BEGAN


def main(backbones: Path) -> None:
    """Serve batches until the input ends. A line of the input is a list of the job's arguments."""
    from dataclasses import replace

    print(json.dumps({"imports": round(IMPORT_SECONDS, 3)}), flush=True)
    for line in sys.stdin:
        arguments = replace(parse_arguments(json.loads(line)), backbones=backbones)
        record = featurize_express(arguments, ExpressLimits(keys=1000, megabytes=1769), Stopwatch())
        print(json.dumps(record), flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
