"""CloudFormation custom resource: puts the job's code, its packages and the backbone where EMR Serverless reads."""

import os
from pathlib import Path
from typing import Any

import boto3
from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.typing import LambdaContext

from intake.bundle import Bundle, publish, remove_old
from intake.custom_resource import Request, Resource, answer

logger = Logger()
BUNDLE = Path(__file__).with_name("bundle")


@logger.inject_lambda_context
def handler(event: dict[str, Any], context: LambdaContext) -> None:
    answer(event, provide)


def provide(request: Request) -> Resource:
    """Publishes the bundle on Create and Update. Delete keeps it: a run in flight still reads what it started with."""
    if request["RequestType"] == "Delete":
        return Resource(request["PhysicalResourceId"])
    bundle = Bundle.open(BUNDLE)
    bundle.require(request["ResourceProperties"]["BackboneName"])
    s3, lake = boto3.client("s3"), os.environ["LAKE_BUCKET"]
    publish(s3, lake, bundle)
    # a rollback goes back to the previous one, and a run in flight may have started with it
    removed = remove_old(s3, lake, {bundle.prefix, request.get("PhysicalResourceId", "")})
    logger.info("published the bundle", prefix=bundle.prefix, backbones=bundle.backbones, removed=removed)
    return Resource(bundle.prefix, {"Prefix": bundle.prefix})
