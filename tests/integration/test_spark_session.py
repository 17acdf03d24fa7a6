"""The session of a job, as Spark takes its settings."""

import os

from pomona.table.distribution import distribute


def test_workers_of_python_talk_to_spark_over_sockets_that_delay_nothing(spark):
    # Given Spark's own word, in the environment of a worker, for what it uses in place of TCP
    used = distribute(spark, [0], lambda _: os.environ.get("PYTHON_UNIX_DOMAIN_ENABLED")).collect()
    # Then this release knows the setting of the session
    assert [word.lower() for word in used] == ["true"]
