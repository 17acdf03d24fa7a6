"""CloudFormation custom resources: the buckets and the database, which outlive a stack, and a bucket's notification."""

import os
from collections.abc import Callable
from typing import Any

import boto3
from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.typing import LambdaContext

from pomona_intake.s3.account_clients import account_of, s3_of
from pomona_provisioning import bucket_notifications as notifications
from pomona_provisioning import buckets, databases
from pomona_provisioning.custom_resources import Request, Resource, answer
from pomona_provisioning.deletions import Deletion

logger = Logger()


@logger.inject_lambda_context
def handler(event: dict[str, Any], context: LambdaContext) -> None:
    """Carry out CloudFormation's request and answer it."""
    answer(event, lambda request: provide(request, context.get_remaining_time_in_millis))


def provide(request: Request, remaining_milliseconds: Callable[[], int]) -> Resource:
    """Carry out the request for a resource of its type."""
    s3 = s3_of(account_of(request["StackId"]))
    deletion = Deletion.of(request, boto3.client("cloudformation"), remaining_milliseconds)
    if request["ResourceType"] == "Custom::Bucket":
        return buckets.provide(s3, os.environ["AWS_REGION"], request, deletion)
    if request["ResourceType"] == "Custom::Database":
        return databases.provide(boto3.client("glue"), request, deletion)
    return notifications.provide(s3, request)
