"""What can end a run: one class for each thing that its caller does about it."""


class JobError(Exception):
    """Ends the run. Its text is one sentence for the operator; the run's status is then not zero."""


class MisconfiguredError(JobError):
    """Trying again will not help: settings, permissions, files of an unknown version, an archive that does not fit."""


class SupersededError(JobError):
    """Another attempt, or another batch, is in flight: what this run found out is not wanted any more."""


class PublishRefusedError(JobError):
    """Somebody committed to the table since this run started from it: nothing was published, try again."""


class UnreadError(JobError):
    """Some objects could be read neither as there nor as gone: all others are published, try these again."""


class UndeletedError(JobError):
    """S3 did not delete an object: the next maintenance tries again."""


class UnfinishedError(JobError):
    """The maintenance did not get through: what it has committed stays, and the next one goes on."""


def first_line(error: Exception, most: int) -> str:
    """Return the first line of an error's text, at most so many characters of it: Java's go on for pages.

    The name of the error's class, if it has no text. A Java error asks the JVM for its text, which may be gone; the
    first line of it is Py4J's own, and names nothing but a number of a Java object.
    """
    try:
        lines = str(error).strip().splitlines()
    except Exception:
        lines = []
    if len(lines) > 1 and lines[0].startswith("An error occurred while calling"):
        lines = [lines[1].removeprefix(": ")]
    return (lines or [type(error).__name__])[0][:most]
