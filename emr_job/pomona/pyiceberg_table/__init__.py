"""The feature table through pyiceberg, without Spark and its JVM: lookup, files, and one commit to what was read."""

import pomona.pyiceberg_table.left_out_packages  # noqa: F401 - before a module of this package imports pyiceberg
