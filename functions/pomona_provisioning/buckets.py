"""Custom::Bucket: a bucket that outlives its stack. It is created or adopted, configured, and kept unless DeleteData.

CloudFormation's own AWS::S3::Bucket cannot adopt a bucket that a deleted stack has kept: an import on creation needs a
name without intrinsic functions, and this name contains the account's number.
"""

import json
import re
from collections.abc import Callable, Mapping
from typing import Any

from botocore.exceptions import ClientError

from pomona_contract.errors import TerminalError
from pomona_intake.errors import code_of, ignore_missing, status_of
from pomona_provisioning.custom_resources import NOTHING_MADE, Request, Resource
from pomona_provisioning.deletions import Deletion, UnfinishedError, log_kept

_NAME = re.compile(r"[a-z0-9][a-z0-9-]{1,61}[a-z0-9]")
_NOT_FOUND = 404
_MOVED = 301


class BucketError(TerminalError):
    """The bucket does not exist, is of another account, or cannot be configured; the text says what to do."""


def provide(s3: Any, region: str, request: Request, deletion: Deletion) -> Resource:  # noqa: ANN401
    """Carry out CloudFormation's request. The properties are S3's; a bucket whose `Owned` is false is only checked."""
    properties = request["ResourceProperties"]
    name, owned = properties["BucketName"], properties["Owned"] == "true"
    if request["RequestType"] == "Delete":
        _keep_or_delete(s3, request["PhysicalResourceId"], owned, deletion)
        return Resource(request["PhysicalResourceId"])
    _refuse_change(request, name)
    if owned:
        _create_or_adopt(s3, name, region)
        _configure(s3, name, properties)
    else:
        _require(s3, name, region)
    partition = request["StackId"].split(":")[1]
    return Resource(name, {"Arn": f"arn:{partition}:s3:::{name}"})


def _refuse_change(request: Request, name: str) -> None:
    # Compare with the physical id: the rollback of a refused update has the refused name in its old properties.
    previous = request.get("PhysicalResourceId", name)
    if previous != name:
        raise BucketError(
            f"the bucket cannot change from {previous} to {name}: the table holds the rows of {previous}; "
            f"deploy a second stack, with another DatabaseName, for {name}"
        )


def _create_or_adopt(s3: Any, name: str, region: str) -> None:  # noqa: ANN401
    if not _NAME.fullmatch(name):
        raise BucketError(
            f"the stack's name makes the bucket's name {name!r}, which S3 refuses: a stack's name may hold "
            "lower-case letters, digits and dashes, and the bucket's no more than 63 characters"
        )
    if _exists(s3, name, region):
        return
    location = {} if region == "us-east-1" else {"CreateBucketConfiguration": {"LocationConstraint": region}}
    try:
        s3.create_bucket(Bucket=name, **location)
    except ClientError as error:
        if code_of(error) == "BucketAlreadyExists":
            taken = f"the bucket {name} belongs to another account: deploy under another stack name"
            raise BucketError(taken) from error
        if code_of(error) != "BucketAlreadyOwnedByYou":  # a repeated request
            raise


def _require(s3: Any, name: str, region: str) -> None:  # noqa: ANN401
    if not _exists(s3, name, region):
        raise BucketError(
            f"ImagesBucketName is {name}, but there is no such bucket: create it, or leave the parameter empty"
        )


def _exists(s3: Any, name: str, region: str) -> bool:  # noqa: ANN401
    try:
        found = s3.head_bucket(Bucket=name)["ResponseMetadata"]["HTTPHeaders"].get("x-amz-bucket-region", region)
    except ClientError as error:
        if status_of(error) == _NOT_FOUND:
            return False
        if status_of(error) != _MOVED:
            raise BucketError(
                f"the bucket {name} is there, but it belongs to another account, or this one may not look at it: "
                f"deploy under another stack name, or name a bucket of this account ({error})"
            ) from error
        found = error.response["ResponseMetadata"]["HTTPHeaders"].get("x-amz-bucket-region", "another region")
    if found != region:
        raise BucketError(f"the bucket {name} lies in {found}, the stack in {region}: deploy to {found}")
    return True


def _configure(s3: Any, name: str, properties: Mapping[str, Any]) -> None:  # noqa: ANN401
    """Write every setting at every request, whatever an adopted bucket had before."""
    settings: dict[str, tuple[Callable[..., Any], str]] = {
        "PublicAccessBlock": (s3.put_public_access_block, "PublicAccessBlockConfiguration"),
        "Encryption": (s3.put_bucket_encryption, "ServerSideEncryptionConfiguration"),
        "Versioning": (s3.put_bucket_versioning, "VersioningConfiguration"),
        "Lifecycle": (s3.put_bucket_lifecycle_configuration, "LifecycleConfiguration"),
        "AccessLog": (s3.put_bucket_logging, "BucketLoggingStatus"),
    }
    for setting, (put, argument) in settings.items():
        if setting in properties and not (setting == "Versioning" and _needs_no_versioning(s3, name, properties)):
            put(Bucket=name, **{argument: typed(properties[setting])})
    if "AccessLog" not in properties:  # CloudFormation may omit an empty property: switch the log off
        s3.put_bucket_logging(Bucket=name, BucketLoggingStatus={})
    s3.put_bucket_policy(Bucket=name, Policy=json.dumps(properties["Policy"]))


def _needs_no_versioning(s3: Any, name: str, properties: Mapping[str, Any]) -> bool:  # noqa: ANN401
    """Return True if versioning was never enabled and is not requested: suspended, S3 would keep delete markers."""
    wanted: bool = properties["Versioning"]["Status"] == "Enabled"
    return not wanted and "Status" not in s3.get_bucket_versioning(Bucket=name)


def typed(value: Any) -> Any:  # noqa: ANN401
    """Return a property with its numbers and truth values, which CloudFormation passes as text."""
    if isinstance(value, dict):
        return {key: typed(item) for key, item in value.items()}
    if isinstance(value, list):
        return [typed(item) for item in value]
    if value in ("true", "false"):
        return value == "true"
    return int(value) if isinstance(value, str) and value.isdecimal() else value


def _keep_or_delete(s3: Any, name: str, owned: bool, deletion: Deletion) -> None:  # noqa: ANN401
    if name == NOTHING_MADE:
        return
    if not owned:
        log_kept(f"s3://{name}", "the stack never owned it")
    elif deletion.deletes_data():
        with ignore_missing("NoSuchBucket"):
            _empty(s3, name, deletion)
            s3.delete_bucket(Bucket=name)
    else:
        log_kept(f"s3://{name}", "the next stack of this name adopts it (DeleteData=delete would have removed it)")


def _empty(s3: Any, name: str, deletion: Deletion) -> None:  # noqa: ANN401
    """Delete every version of every object."""
    for page in s3.get_paginator("list_object_versions").paginate(Bucket=name):
        if not deletion.has_time():
            raise UnfinishedError(f"the bucket {name} still holds objects: delete the stack again, until it is empty")
        versions = [*page.get("Versions", ()), *page.get("DeleteMarkers", ())]
        objects = [{"Key": one["Key"], "VersionId": one["VersionId"]} for one in versions]
        if objects and (errors := s3.delete_objects(Bucket=name, Delete={"Objects": objects}).get("Errors")):
            raise BucketError(f"{errors[0]['Key']} in {name} could not be deleted: {errors[0]['Message']}")
