"""The errors that end a run: one class for each reaction of the caller."""


class JobError(Exception):
    """Ends the run with exit status 1. The text is one sentence for the operator."""


class MisconfiguredError(JobError):
    """A retry will not help: settings, permissions, files of an unknown version, an archive that does not fit."""


class SupersededError(JobError):
    """Another attempt, or another batch, is in flight: the results of this run must not be published."""


class PublishRefusedError(JobError):
    """Somebody committed to the table since this run started from it: nothing was published; retry."""


class UnreadError(JobError):
    """It is unknown whether some objects exist, or what they hold: all others are published; retry these."""


class UndeletedError(JobError):
    """S3 did not delete an object: the next maintenance retries."""


class MaintenanceUnfinishedError(JobError):
    """The maintenance did not finish: what it has committed stays, and the next one continues."""


def first_line(error: Exception, most: int) -> str:
    """Return the first line of an error's text, at most `most` characters; the name of its class, if it has no text.

    Java's texts are pages long. Their first line is Py4J's own and names only the number of a Java object, so the
    second is returned. Py4J asks the JVM for the text, which raises an error if the JVM is gone.
    """
    try:
        lines = str(error).strip().splitlines()
    except Exception:
        lines = []
    if len(lines) > 1 and lines[0].startswith("An error occurred while calling"):
        lines = [lines[1].removeprefix(": ")]
    return (lines or [type(error).__name__])[0][:most]
