"""pyspark's daemon with a task's packages imported already: the workers that it forks need not import them again.

Its workers are also spared two things that pyspark has them do for every task.
"""

import gc
from zipimport import zipimporter

from pyspark.daemon import manager

import pomona.featurize.task  # noqa: F401


def keep(_: zipimporter) -> None:
    """In place of reading the contents of Spark's own archives again, in Python: they do not change."""


if __name__ == "__main__":
    zipimporter.invalidate_caches = keep  # type: ignore
    gc.freeze()  # no collection goes through what was imported, whose pages the workers share
    manager()  # type: ignore[no-untyped-call]
