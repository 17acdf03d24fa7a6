"""Writing an object on S3 as it is made: in memory that does not depend on its size, and visible only when whole."""

import io
from typing import TYPE_CHECKING

from pomona.s3.objects import s3_client

if TYPE_CHECKING:
    from mypy_boto3_s3.type_defs import CompletedPartTypeDef
    from typing_extensions import Buffer

PART_BYTES = 16 * 2**20  # S3 takes 10,000 parts of 5 MiB and more: objects up to 160 GB


class ObjectWriter(io.RawIOBase):
    """A file to write to that becomes the object `key` when it is closed, replacing any older one.

    Left by an exception, a `with` block leaves no object behind, and S3 keeps no part.
    """

    def __init__(self, bucket: str, key: str, content_type: str) -> None:
        self._bucket = bucket
        self._key = key
        self._content_type = content_type
        self._buffer = bytearray()
        self._upload_id = ""
        self._parts: list[CompletedPartTypeDef] = []
        self._abandoned = False

    def writable(self) -> bool:
        """Always."""
        return True

    def write(self, content: "Buffer") -> int:
        """Take in bytes; send them when they fill a part."""
        taken = memoryview(content).nbytes
        self._buffer += content
        if len(self._buffer) >= PART_BYTES:
            self._send_part()
        return taken

    def close(self) -> None:
        """Make the object visible."""
        if not self.closed and not self._abandoned:
            self._finish()
        super().close()

    def abandon(self) -> None:
        """Forget what was written."""
        if self._upload_id:
            s3_client().abort_multipart_upload(Bucket=self._bucket, Key=self._key, UploadId=self._upload_id)
        self._buffer.clear()
        self._abandoned = True

    def __exit__(self, failure: type[BaseException] | None, *details: object) -> None:
        if failure:
            self.abandon()
        self.close()

    def _send_part(self) -> None:
        upload, number = self._begun(), len(self._parts) + 1
        sent = s3_client().upload_part(
            Bucket=self._bucket, Key=self._key, UploadId=upload, PartNumber=number, Body=bytes(self._buffer)
        )
        self._parts.append({"PartNumber": number, "ETag": sent["ETag"]})
        self._buffer.clear()

    def _begun(self) -> str:
        if not self._upload_id:
            created = s3_client().create_multipart_upload(
                Bucket=self._bucket, Key=self._key, ContentType=self._content_type
            )
            self._upload_id = created["UploadId"]
        return self._upload_id

    def _finish(self) -> None:
        if not self._upload_id:
            body = bytes(self._buffer)
            s3_client().put_object(Bucket=self._bucket, Key=self._key, Body=body, ContentType=self._content_type)
            return
        if self._buffer:
            self._send_part()
        s3_client().complete_multipart_upload(
            Bucket=self._bucket, Key=self._key, UploadId=self._upload_id, MultipartUpload={"Parts": self._parts}
        )
