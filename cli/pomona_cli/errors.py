"""Errors that end a command with a message for the operator."""


class CliError(Exception):
    """Ends a command with status 1; its text is one or two sentences for the operator."""


class UsageError(CliError):
    """An option or argument is missing or has a value that it may not have; ends a command with status 2."""
