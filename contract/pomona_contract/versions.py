"""Read and write versioned documents: one field of each document says which version of its format it has.

A release reads the versions that it knows and refuses every other. A reader ignores fields that it does not know: a
later release may add some to the same version (docs/upgrade.md).
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from typing import Any, TypeVar

from pomona_contract.errors import FormatError

Document = dict[str, Any]
Result = TypeVar("Result")
_SHOWN_BYTES = 60  # of a body that cannot be read


@dataclass(frozen=True)
class Format:
    """The versions of one document's format: the one that is written and those that are read."""

    written: int
    readable: tuple[int, ...]
    field: str = "format"
    """The field of the document that holds the version."""

    def versioned(self, content: Mapping[str, Any]) -> Document:
        """Return the document: the version, then the content."""
        return {self.field: self.written, **content}

    def encode(self, content: Mapping[str, Any]) -> bytes:
        """Return the document as JSON."""
        return json.dumps(self.versioned(content), indent=1).encode()

    def decode(self, name: str, body: bytes, build: Callable[[int, Document], Result]) -> Result:
        """Read a JSON document.

        Args:
            name: where the document lies, for the error.
            build: makes the result from the version and the other fields. Any error of it means a damaged document.

        Raises:
            FormatError: the document cannot be read, or its version is unknown.
        """
        document = _parse(name, body)
        version = document.pop(self.field, None)
        self.require(name, version)
        try:
            return build(version, document)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise FormatError(f"{name} cannot be read: {type(error).__name__}: {error}.") from error

    def decode_fields(self, name: str, body: bytes) -> Document:
        """Read a JSON document and return its fields without the version; raise FormatError like `decode`."""
        return self.decode(name, body, lambda _version, document: document)

    def require(self, name: str, version: object) -> None:
        """Raise FormatError, naming the document, if this release does not read the version."""
        if problem := self.problem(version):
            raise FormatError(f"{name} {problem}.")

    def problem(self, version: object) -> str:
        """Return why a document of this version cannot be read; empty if it can."""
        if version in self.readable:
            return ""
        readable = " and ".join(map(str, self.readable))
        return f"has {self.field} {version!r}, but this release reads only {self.field} {readable}"


def only(version: int, field: str = "format") -> Format:
    """Return the format of a document that has had one version up to now."""
    return Format(version, (version,), field)


def known_fields(kind: type, document: Mapping[str, Any]) -> Document:
    """Return the fields of a document that the dataclass has; the others are of a later release."""
    names = {field.name for field in fields(kind)}
    return {name: value for name, value in document.items() if name in names}


def _parse(name: str, body: bytes) -> Document:
    try:
        document = json.loads(body)
    except (ValueError, RecursionError) as error:
        held = f"it holds {body[:_SHOWN_BYTES]!r}" if body else "it is empty"
        raise FormatError(f"{name} cannot be read: {held}, which is not JSON.") from error
    if not isinstance(document, dict):
        raise FormatError(f"{name} cannot be read: it holds {body[:_SHOWN_BYTES]!r} instead of a JSON object.")
    return document
