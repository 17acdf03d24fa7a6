"""What a featurize run can do about a key; a run's record counts the keys of each outcome."""

from enum import StrEnum


class Outcome(StrEnum):
    """The outcome of one dirty key."""

    DONE = "done"
    """The row has new features."""
    UNCHANGED = "unchanged"
    """The row has the features of this very object already."""
    DELETED = "deleted"
    """The object is gone, and its row was removed."""
    ABSENT = "absent"
    """There is neither an object nor a row."""
    ERRORS = "errors"
    """The object is no image that can be read; the row says why."""
    UNREAD = "unread"
    """S3 did not answer for this key; the run fails, so that the key is tried again."""
