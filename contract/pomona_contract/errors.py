"""The roots of Pomona's errors. The text of every one of them is a sentence for the operator."""


class PomonaError(Exception):
    """Base of all errors that Pomona raises itself."""


class TerminalError(PomonaError):
    """A retry does not help: somebody has to change something first."""


class FormatError(TerminalError):
    """A document cannot be read, or has a version that this release does not know."""
