"""CloudFormation custom resources: what outlives a stack (its buckets, its database) and a bucket's notification."""

import os
from collections.abc import Callable
from typing import Any

import boto3
from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.typing import LambdaContext

from intake import buckets, databases, notifications
from intake.custom_resource import Request, Resource, answer
from intake.deletions import Deletion
from intake.ownership import account_of, s3_of

logger = Logger()


@logger.inject_lambda_context
def handler(event: dict[str, Any], context: LambdaContext) -> None:
    answer(event, lambda request: provide(request, context.get_remaining_time_in_millis))


def provide(request: Request, remaining_milliseconds: Callable[[], int]) -> Resource:
    """Does what is asked of the resource, by its type."""
    s3 = s3_of(account_of(request["StackId"]))
    deletion = Deletion.of(request, boto3.client("cloudformation"), remaining_milliseconds)
    if request["ResourceType"] == "Custom::Bucket":
        return buckets.provide(s3, os.environ["AWS_REGION"], request, deletion)
    if request["ResourceType"] == "Custom::Database":
        return databases.provide(boto3.client("glue"), request, deletion)
    return notifications.provide(s3, request)
