"""Clients of S3 that use only buckets of one account: another account may own a bucket of the expected name."""

from typing import Any

import boto3
from botocore.config import Config


def s3_of(account_id: str, config: Config | None = None) -> Any:  # noqa: ANN401 - boto3's clients have no static type
    """Return a client whose requests S3 refuses with 403 if the bucket belongs to another account.

    https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucket-owner-condition.html
    """

    def expect_owner(params: dict[str, Any], model: Any, **_: Any) -> None:  # noqa: ANN401
        if model.input_shape and "ExpectedBucketOwner" in model.input_shape.members:
            params.setdefault("ExpectedBucketOwner", account_id)

    client = boto3.client("s3", config=config)
    client.meta.events.register("provide-client-params.s3", expect_owner)
    return client


def account_of(arn: str) -> str:
    """Return the account in an ARN."""
    return arn.split(":")[4]
