"""What starts Spark for a run that may do without it."""

from pyspark.sql import SparkSession


def never() -> SparkSession:
    """For a run that must not ask for Spark."""
    raise AssertionError("this run needs no Spark")


class Sessions:
    """Gives the tests' session, and counts how often a run has asked for it."""

    def __init__(self, spark: SparkSession) -> None:
        self.spark, self.started = spark, 0

    def __call__(self) -> SparkSession:
        self.started += 1
        return self.spark
