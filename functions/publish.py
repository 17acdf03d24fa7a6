"""CloudFormation custom resource: copy the jobs' code, their packages and the backbones into the lake."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.typing import LambdaContext

from pomona_intake.s3.account_clients import account_of, s3_of
from pomona_provisioning.backbones import publish_backbones
from pomona_provisioning.bundles import Bundle, publish, published_by, remove_old
from pomona_provisioning.custom_resources import Request, Resource, answer

logger = Logger()
BUNDLE = Path(__file__).with_name("bundle")


@logger.inject_lambda_context
def handler(event: dict[str, Any], context: LambdaContext) -> None:
    """Carry out CloudFormation's request and answer it."""
    answer(event, provide)


def provide(request: Request) -> Resource:
    """Publish the bundle on Create and Update. Delete keeps it: a run in flight still reads it."""
    if request["RequestType"] == "Delete":
        return Resource(request["PhysicalResourceId"])
    s3 = s3_of(account_of(request["StackId"]))
    prefix = _publish(s3, request["ResourceProperties"], {request.get("PhysicalResourceId", "")})
    return Resource(prefix, {"Prefix": prefix})


def _publish(s3: Any, properties: Mapping[str, str], in_use: set[str]) -> str:  # noqa: ANN401
    """Return the prefix of the requested version's bundle, after copying it there if it is in this package."""
    bundle, lake = Bundle.open(BUNDLE), os.environ["LAKE_BUCKET"]
    version = properties["FunctionVersion"].rpartition("function:")[2]
    published = published_by(s3, lake, version)
    if published and published != bundle.prefix:
        # CloudFormation requests a rollback while this newer code is still deployed
        logger.info("rolled back to the bundle of an earlier version", prefix=published, version=version)
        return published
    bundle.require(properties["BackboneName"])
    publish(s3, lake, bundle, version)
    publish_backbones(s3, lake, bundle)
    # keep the previous one: a rollback uses it, and a run in flight may use it
    removed = remove_old(s3, lake, {bundle.prefix, *in_use})
    logger.info("published the bundle", prefix=bundle.prefix, backbones=bundle.description.backbones, removed=removed)
    return bundle.prefix
