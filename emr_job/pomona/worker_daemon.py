"""pyspark's daemon with a task's packages imported already: the workers that it forks need not import them again."""

from pyspark.daemon import manager

import pomona.featurizing  # noqa: F401

if __name__ == "__main__":
    manager()  # type: ignore[no-untyped-call]
