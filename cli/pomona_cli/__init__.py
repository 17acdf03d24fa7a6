"""The command line of a deployed Pomona: look at it, put keys back into its queue, take its table out, erase."""

from importlib.metadata import PackageNotFoundError, version

__all__ = ["__version__"]

try:
    __version__ = version("pomona")
except PackageNotFoundError:  # run from the sources
    __version__ = "unreleased"
