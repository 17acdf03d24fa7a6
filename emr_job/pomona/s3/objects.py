"""Objects on S3 as the jobs see them: one way to make a client, to ask for a bucket, to read and write documents."""

import functools
import json
import os
from collections.abc import Collection, Iterator
from datetime import datetime
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError
from botocore.parsers import ResponseParserError

from pomona.errors import JobError, MisconfiguredError, UndeletedError

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import GetObjectRequestTypeDef, ObjectIdentifierTypeDef

NO_ANSWER = (BotoCoreError, ResponseParserError, OSError)
"""What boto3 raises, beside ClientError, when there is no answer or no whole one."""
MOST_DELETED_AT_ONCE = 1000  # by S3's DeleteObjects


@functools.cache
def s3_client() -> "S3Client":
    """boto3's client of this process; it may be used by several threads. The endpoint is AWS_ENDPOINT_URL's, if set."""
    import boto3
    from botocore.config import Config

    config = Config(
        s3={"addressing_style": "path" if os.environ.get("AWS_ENDPOINT_URL") else "auto"},
        retries={"mode": "standard", "total_max_attempts": 5},
        max_pool_connections=32,
    )
    client: S3Client = boto3.client("s3", config=config)
    return client


def error_code(error: ClientError) -> str:
    """S3's own code of a failure, e.g. NoSuchKey; a bare status such as 404 when the answer had no body."""
    return str(error.response.get("Error", {}).get("Code", ""))


def bucket_and_key(location: str) -> tuple[str, str]:
    """The two parts of an address s3://bucket/key."""
    bucket, _, key = location.removeprefix("s3://").partition("/")
    return bucket, key


def require_bucket(bucket: str) -> None:
    """Ends the run if the bucket cannot be listed: S3 says who is missing only to those who may list.

    Without this a refused access or a wrong name could pass for thousands of missing objects.
    """
    try:
        s3_client().list_objects_v2(Bucket=bucket, MaxKeys=1)
    except ClientError as error:
        raise MisconfiguredError(f"the bucket {bucket} cannot be listed: S3 says {error_code(error)}") from error
    except NO_ANSWER as error:
        raise JobError(f"the bucket {bucket} cannot be listed: no answer from S3 ({type(error).__name__})") from error


def read_json(bucket: str, key: str) -> dict[str, Any] | None:
    """The document at `key`, or None where there is none."""
    body = read_bytes(bucket, key)
    return None if body is None else dict(json.loads(body))


def read_bytes(bucket: str, key: str, bounds: tuple[int, int] | None = None) -> bytes | None:
    """The object's body, or of it the bytes from the first bound up to the second; None where there is no object.

    Every other failure is botocore's ClientError.
    """
    part: GetObjectRequestTypeDef = {"Bucket": bucket, "Key": key}
    if bounds:
        part["Range"] = f"bytes={bounds[0]}-{bounds[1] - 1}"
    try:
        return s3_client().get_object(**part)["Body"].read()
    except ClientError as error:
        if error_code(error) == "NoSuchKey":
            return None
        raise


def write_bytes(bucket: str, key: str, body: bytes) -> None:
    """Write an object, whatever was there."""
    s3_client().put_object(Bucket=bucket, Key=key, Body=body)


def write_json(bucket: str, key: str, document: dict[str, Any]) -> None:
    """Write the document, in a form that `aws s3 cp … -` shows well."""
    body = json.dumps(document, indent=1, ensure_ascii=False).encode()
    s3_client().put_object(Bucket=bucket, Key=key, Body=body, ContentType="application/json")


def list_objects(bucket: str, prefix: str) -> Iterator[tuple[str, datetime]]:
    """Key and time of the last change (UTC) of every object whose key begins with `prefix`."""
    for page in s3_client().get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix):
        for found in page.get("Contents", ()):
            yield found["Key"], found["LastModified"]


def remove_folder(bucket: str, prefix: str, kept: Collection[str] = ()) -> None:
    """Delete every object whose key begins with `prefix`, but those keys. UndeletedError if S3 refused one of them."""
    keys = [key for key, _ in list_objects(bucket, prefix) if key not in kept]
    for start in range(0, len(keys), MOST_DELETED_AT_ONCE):
        some: list[ObjectIdentifierTypeDef] = [{"Key": key} for key in keys[start : start + MOST_DELETED_AT_ONCE]]
        answer = s3_client().delete_objects(Bucket=bucket, Delete={"Objects": some, "Quiet": True})
        for error in answer.get("Errors", ()):
            raise UndeletedError(f"{error.get('Key')} could not be deleted: S3 says {error.get('Code')}")
