"""How pyiceberg reads and writes the files of the table's metadata: with boto3, whole, because they are small.

pyiceberg's own implementations would bring a second client of S3 into the function's package.
"""

import io
from functools import cached_property

from pyiceberg.io import FileIO, InputFile, OutputFile, OutputStream
from pyiceberg.typedef import EMPTY_DICT, Properties

from pomona.s3.objects import bucket_and_key, read_bytes, s3_client, write_bytes

LIST_OF_MANIFESTS = "/snap-"
"""So Iceberg and pyiceberg name a snapshot's list of manifests, which never changes: a run reads it, and adds to it."""
SMALL_BYTES, MOST_KEPT = 2**16, 16
_KEPT: dict[str, bytes] = {}
"""Small lists of manifests that this process has read."""


class LakeFileIO(FileIO):  # type: ignore[misc]
    """Files of the lake by their addresses, s3://bucket/key."""

    def __init__(self, properties: Properties = EMPTY_DICT) -> None:
        super().__init__(properties)

    def new_input(self, location: str) -> InputFile:
        """Return the file at an address, to be read."""
        return _LakeInput(location)

    def new_output(self, location: str) -> OutputFile:
        """Return the file at an address, to be written."""
        return _LakeOutput(location)

    def delete(self, location: str | InputFile | OutputFile) -> None:
        """Delete the file, if it is there."""
        address = location if isinstance(location, str) else location.location
        bucket, key = bucket_and_key(address)
        s3_client().delete_object(Bucket=bucket, Key=key)


class _LakeInput(InputFile):  # type: ignore[misc]
    @cached_property
    def _body(self) -> bytes | None:
        if (kept := _KEPT.get(self.location)) is not None:
            return kept
        body = read_bytes(*bucket_and_key(self.location))
        if body is not None and LIST_OF_MANIFESTS in self.location and len(body) <= SMALL_BYTES:
            _KEPT[self.location] = body
            while len(_KEPT) > MOST_KEPT:
                _KEPT.pop(next(iter(_KEPT)), None)
        return body

    def __len__(self) -> int:
        return len(self._found())

    def exists(self) -> bool:
        return self._body is not None

    def open(self, seekable: bool = True) -> io.BytesIO:  # noqa: ARG002 - pyiceberg's signature
        return io.BytesIO(self._found())

    def _found(self) -> bytes:
        if self._body is None:
            raise FileNotFoundError(f"{self.location} is gone")
        return self._body


class _LakeOutput(OutputFile):  # type: ignore[misc]
    def __len__(self) -> int:
        return len(self.to_input_file())

    def exists(self) -> bool:
        return bool(self.to_input_file().exists())

    def to_input_file(self) -> InputFile:
        return _LakeInput(self.location)

    def create(self, overwrite: bool = False) -> OutputStream:  # noqa: ARG002 - names are never reused
        return _LakeStream(self.location)


class _LakeStream(io.BytesIO):
    """Becomes the object when it is closed."""

    def __init__(self, location: str) -> None:
        super().__init__()
        self._location = location

    def close(self) -> None:
        if not self.closed:
            write_bytes(*bucket_and_key(self._location), self.getvalue())
        super().close()

    def __exit__(self, *error: object) -> None:
        if error[0] is None:
            self.close()
        else:
            super().close()
