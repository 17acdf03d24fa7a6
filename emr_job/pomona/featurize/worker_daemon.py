"""pyspark's daemon with a task's packages imported, so that the workers that it forks need not import them.

Its workers also skip two things that pyspark does for every task: reading Spark's archives, and collecting garbage of
the imported modules.
"""

import gc
from zipimport import zipimporter

from pyspark.daemon import manager

import pomona.featurize.task  # noqa: F401


def keep(_: zipimporter) -> None:
    """Keep the cached contents of Spark's archives, which do not change; pyspark would read them again in Python."""


if __name__ == "__main__":
    zipimporter.invalidate_caches = keep  # type: ignore
    gc.freeze()  # no collection touches the imported modules, whose pages the workers share
    manager()  # type: ignore[no-untyped-call]
