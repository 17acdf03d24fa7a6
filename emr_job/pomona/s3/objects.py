"""Reads, writes, lists and deletes objects on S3, with boto3."""

import functools
import json
import os
from collections.abc import Collection, Iterator, Sequence
from datetime import datetime
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError
from botocore.parsers import ResponseParserError

from pomona.errors import JobError, MisconfiguredError, UndeletedError

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import GetObjectRequestTypeDef, ObjectIdentifierTypeDef

NO_ANSWER = (BotoCoreError, ResponseParserError, OSError)
"""What boto3 raises, beside ClientError, without an answer or with half of one."""
MOST_DELETED_AT_ONCE = 1000  # by S3's DeleteObjects


@functools.cache
def s3_client() -> "S3Client":
    """Return boto3's client of this process, at the endpoint AWS_ENDPOINT_URL if that is set. Thread-safe."""
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
    """Return S3's code of a failure, such as NoSuchKey; the status, such as 404, if the answer had no body."""
    return str(error.response.get("Error", {}).get("Code", ""))


def bucket_and_key(location: str) -> tuple[str, str]:
    """Return the two parts of an address s3://bucket/key."""
    bucket, _, key = location.removeprefix("s3://").partition("/")
    return bucket, key


def require_bucket(bucket: str) -> None:
    """Raise an error if the bucket cannot be listed: then S3 answers a GET of a missing key with 403, not NoSuchKey.

    Raises:
        MisconfiguredError: S3 refuses the listing, or there is no such bucket.
        JobError: S3 does not answer, or is too busy to.
    """
    try:
        s3_client().list_objects_v2(Bucket=bucket, MaxKeys=1)
    except ClientError as error:
        status = error.response["ResponseMetadata"]["HTTPStatusCode"]
        is_busy = status == HTTPStatus.TOO_MANY_REQUESTS or status >= HTTPStatus.INTERNAL_SERVER_ERROR
        kind = JobError if is_busy else MisconfiguredError
        raise kind(f"the bucket {bucket} cannot be listed: S3 says {error_code(error)}") from error
    except NO_ANSWER as error:
        raise JobError(f"the bucket {bucket} cannot be listed: no answer from S3 ({type(error).__name__})") from error


def read_bytes(bucket: str, key: str, bounds: tuple[int, int] | None = None) -> bytes | None:
    """Return the object's body, or its bytes from the first bound up to the second; None if there is no object.

    Raises:
        ClientError: any other failure, of botocore.
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
    """Write an object, replacing an older one."""
    s3_client().put_object(Bucket=bucket, Key=key, Body=body)


def write_json(bucket: str, key: str, document: dict[str, Any]) -> None:
    """Write the document as indented JSON, which people can read with `aws s3 cp … -`."""
    body = json.dumps(document, indent=1, ensure_ascii=False).encode()
    s3_client().put_object(Bucket=bucket, Key=key, Body=body, ContentType="application/json")


def list_objects(bucket: str, prefix: str) -> Iterator[tuple[str, datetime]]:
    """Yield the key and the time of the last change (UTC) of every object whose key begins with `prefix`."""
    for page in s3_client().get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix):
        for found in page.get("Contents", ()):
            yield found["Key"], found["LastModified"]


def remove_folder(bucket: str, prefix: str, kept: Collection[str] = ()) -> None:
    """Delete every object whose key begins with `prefix`, except the `kept` keys.

    Raises:
        UndeletedError: S3 refused to delete an object.
    """
    remove_objects(bucket, [key for key, _ in list_objects(bucket, prefix) if key not in kept])


def remove_objects(bucket: str, keys: Sequence[str]) -> None:
    """Delete the objects; those that are not there are no error.

    Raises:
        UndeletedError: S3 refused to delete an object.
    """
    for start in range(0, len(keys), MOST_DELETED_AT_ONCE):
        some: list[ObjectIdentifierTypeDef] = [{"Key": key} for key in keys[start : start + MOST_DELETED_AT_ONCE]]
        answer = s3_client().delete_objects(Bucket=bucket, Delete={"Objects": some, "Quiet": True})
        for error in answer.get("Errors", ()):
            raise UndeletedError(f"{error.get('Key')} could not be deleted: S3 says {error.get('Code')}")
