"""`make demo`."""

import signal
import sys

from demo.run import main

signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
main(sys.argv[1:])
