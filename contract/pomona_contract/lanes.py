"""The lanes on which a batch is featurized."""

from enum import StrEnum


class Lane(StrEnum):
    """Where an attempt at a batch runs."""

    CLUSTER = "cluster"
    """A run on EMR Serverless: for any number of keys; each of its workers takes about a minute to start."""
    EXPRESS = "express"
    """The function `express`: for a few keys, within seconds. What it may not do, it defers to the cluster."""
