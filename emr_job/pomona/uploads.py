"""Writing an object on S3 as it is made: in memory that does not depend on its size, and visible only when whole."""

import io
from typing import Any

from pomona.objects import s3_client

PART_BYTES = 16 * 2**20  # S3 takes 10,000 parts of 5 MiB and more: objects up to 160 GB


class ObjectWriter(io.RawIOBase):
    """A file to write to that becomes the object `key` when it is closed, replacing any older one.

    Left by an exception, a `with` block leaves no object behind, and S3 keeps no part.
    """

    def __init__(self, bucket: str, key: str, content_type: str) -> None:
        self._object = {"Bucket": bucket, "Key": key}
        self._content_type = content_type
        self._buffer = bytearray()
        self._upload: dict[str, Any] = {}
        self._parts: list[dict[str, Any]] = []

    def writable(self) -> bool:
        """Always."""
        return True

    def write(self, content: Any) -> int:
        """Take in bytes; send them when they fill a part."""
        self._buffer += content
        if len(self._buffer) >= PART_BYTES:
            self._send_part()
        return len(content)

    def close(self) -> None:
        """Make the object visible."""
        if not self.closed:
            self._finish()
        super().close()

    def abandon(self) -> None:
        """Forget what was written."""
        if self._upload:
            s3_client().abort_multipart_upload(**self._upload)
        super().close()

    def __exit__(self, failure: Any, *details: object) -> None:
        if failure:
            self.abandon()
        else:
            self.close()

    def _send_part(self) -> None:
        if not self._upload:
            created = s3_client().create_multipart_upload(**self._object, ContentType=self._content_type)
            self._upload = self._object | {"UploadId": created["UploadId"]}
        number = len(self._parts) + 1
        sent = s3_client().upload_part(**self._upload, PartNumber=number, Body=bytes(self._buffer))
        self._parts.append({"PartNumber": number, "ETag": sent["ETag"]})
        self._buffer.clear()

    def _finish(self) -> None:
        if not self._upload:
            s3_client().put_object(**self._object, Body=bytes(self._buffer), ContentType=self._content_type)
            return
        if self._buffer:
            self._send_part()
        s3_client().complete_multipart_upload(**self._upload, MultipartUpload={"Parts": self._parts})
