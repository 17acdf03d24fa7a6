"""Identifies image files with the deployed results. The network is kept in the user's cache folder."""

import os
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pomona_cli.errors import CliError

if TYPE_CHECKING:
    from pomona.identify.deployed import DeployedResults
    from pomona.identify.identifier import Identification
    from pomona_cli.stack.stack import Stack

_EXTRA = {"ai_edge_litert": "ai-edge-litert", "PIL": "pillow", "pi_heif": "pi-heif"}
"""The modules that only image files need, and their packages: the extra `identify` of pyproject.toml."""


class ImageFileError(Exception):
    """One file cannot be read or identified; the text is the reason."""


def deployed_results(stack: "Stack", command: str) -> "DeployedResults":
    """Return the results of the newest refit with their network, for the command of this name.

    Raises:
        CliError: the packages of the extra `identify` are missing.
        NoResultsError: there is nothing to identify with.
    """
    missing = [package for module, package in _EXTRA.items() if find_spec(module) is None]
    if missing:
        raise CliError(f"`pomona {command}` needs {', '.join(missing)}: install them with pip install '.[identify]'.")
    from pomona.identify.deployed import DeployedResults
    from pomona.imaging.limits import Limits

    settings = stack.settings
    limits = Limits(settings.max_image_pixels, settings.max_decoded_bytes, settings.max_jpeg_scans)
    return DeployedResults.read(stack.s3, stack.lake_bucket, _cache() / "backbones", limits)


def identify_file(
    results: "DeployedResults", file: str, most_bytes: int, candidates: int, nearest: int
) -> dict[str, Any]:
    """Return the answer of `image_of_file` as JSON has it."""
    found = image_of_file(results, file, most_bytes, candidates, nearest)
    return found.document() | {"model": results.model_document()}


def image_of_file(
    results: "DeployedResults", file: str, most_bytes: int, candidates: int, nearest: int
) -> "Identification":
    """Return what a file shows, or stdin if `file` is a dash; ImageFileError with the reason if it cannot be read."""
    from pomona.imaging.errors import ImageError

    try:
        body = _content(file, most_bytes)
        return results.identifier.identify(body, candidates, nearest)
    except (ImageError, OSError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise ImageFileError(reason) from error


def _content(file: str, most_bytes: int) -> bytes:
    """Return at most `most_bytes` of a file; ImageFileError if it has more."""
    if file == "-":
        body = sys.stdin.buffer.read(most_bytes + 1)
    else:
        with Path(file).open("rb") as opened:
            body = opened.read(most_bytes + 1)
    if len(body) > most_bytes:
        raise ImageFileError(f"too large: it has more bytes than the limit of {most_bytes:,} (MaxImageBytes)")
    return body


def _cache() -> Path:
    """Return the folder for what can be fetched again."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "pomona"
