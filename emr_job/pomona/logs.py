"""The log of a job: its own lines, each with the run that it belongs to, and the warnings of libraries."""

import logging
import sys


def configure(about: str = "") -> None:
    """Log to standard error; `about`, such as `batch_id=… attempt=1`, stands in every line.

    Libraries log warnings only: their messages about closed connections would follow the job's last sentence, and the
    platform shows the last line.
    """
    words = " ".join(filter(None, ("%(levelname)s %(name)s", about, "%(message)s")))
    logging.basicConfig(level=logging.WARNING, format=words, stream=sys.stderr)
    logging.getLogger("pomona").setLevel(logging.INFO)
