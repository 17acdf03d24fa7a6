"""The log of a job: its own lines, each with what it belongs to; of the libraries, what they warn of."""

import logging
import sys


def configure(about: str = "") -> None:
    """Log to standard error; `about`, such as `batch_id=… attempt=1`, stands in every line.

    The libraries tell of every connection: after the job's last sentence, which the platform shows, nothing is to come.
    """
    words = " ".join(filter(None, ("%(levelname)s %(name)s", about, "%(message)s")))
    logging.basicConfig(level=logging.WARNING, format=words, stream=sys.stderr)
    logging.getLogger("pomona").setLevel(logging.INFO)
