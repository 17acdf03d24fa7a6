"""Checks that the archive of packages (deps.tar.gz) fits this interpreter and platform."""

import importlib
import platform

from pomona.errors import MisconfiguredError


def check_archive(packages: tuple[str, ...]) -> None:
    """Import the packages.

    Raises:
        MisconfiguredError: a package cannot be imported here; the text names it.
    """
    for package in packages:
        try:
            importlib.import_module(package)
        except Exception as error:  # a wheel for another ABI may also raise ValueError, SystemError or OSError
            here = f"Python {platform.python_version()} on {platform.machine()}"
            raise MisconfiguredError(
                f"the archive of packages does not fit {here}: importing {package} failed ({error}); "
                "build and deploy again"
            ) from error
