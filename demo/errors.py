"""What ends the demo, `make up` and `make local`. Each main function prints the message and exits with 1."""


class DemoError(Exception):
    """The demo cannot go on; the message says why."""


class DeployError(DemoError):
    """`sam` failed, or the template does not allow a parameter; the message says which command or parameter."""
