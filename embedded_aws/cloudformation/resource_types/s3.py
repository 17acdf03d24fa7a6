"""S3 buckets and bucket policies."""

import json
from typing import Any

from botocore.exceptions import ClientError

from embedded_aws.cloudformation.handlers import ResourceRequest, ReturnValues, puts, raise_unless, removes
from embedded_aws.cloudformation.intrinsics import StackResource

_NOTIFICATION_KINDS = {
    "QueueConfigurations": ("QueueConfigurations", "Queue", "QueueArn"),
    "TopicConfigurations": ("TopicConfigurations", "Topic", "TopicArn"),
    "LambdaConfigurations": ("LambdaFunctionConfigurations", "Function", "LambdaFunctionArn"),
}


@puts("AWS::S3::Bucket")
def _put_bucket(request: ResourceRequest) -> ReturnValues:
    s3, name = request.client("s3"), request.name("BucketName").lower()[:63]
    location = {} if request.region == "us-east-1" else {"LocationConstraint": request.region}
    try:
        s3.create_bucket(Bucket=name, **({"CreateBucketConfiguration": location} if location else {}))
    except ClientError as error:
        raise_unless(error, "BucketAlreadyOwnedByYou", *(["BucketAlreadyExists"] if request.restoring else []))
    if not request.restoring:  # settings outlive the process
        _configure_bucket(s3, name, request.properties)
    domain = f"{name}.s3.amazonaws.com"
    regional = f"{name}.s3.{request.region}.amazonaws.com"
    return ReturnValues(name, {"Arn": f"arn:aws:s3:::{name}", "DomainName": domain, "RegionalDomainName": regional})


def _configure_bucket(s3: Any, name: str, properties: dict[str, Any]) -> None:
    if status := properties.get("VersioningConfiguration", {}).get("Status"):
        s3.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": status})
    if block := properties.get("PublicAccessBlockConfiguration"):
        values = {key: str(value).lower() == "true" for key, value in block.items()}
        s3.put_public_access_block(Bucket=name, PublicAccessBlockConfiguration=values)
    if rules := properties.get("BucketEncryption", {}).get("ServerSideEncryptionConfiguration"):
        renamed = [_encryption_rule(rule) for rule in rules]
        s3.put_bucket_encryption(Bucket=name, ServerSideEncryptionConfiguration={"Rules": renamed})
    s3.put_bucket_notification_configuration(
        Bucket=name, NotificationConfiguration=_notifications(properties.get("NotificationConfiguration", {}))
    )


def _encryption_rule(rule: dict[str, Any]) -> dict[str, Any]:
    default = "ApplyServerSideEncryptionByDefault"
    renamed = {default: rule.get("ServerSideEncryptionByDefault", {"SSEAlgorithm": "AES256"})}
    return renamed | ({"BucketKeyEnabled": rule["BucketKeyEnabled"]} if "BucketKeyEnabled" in rule else {})


def _notifications(properties: dict[str, Any]) -> dict[str, Any]:
    result: dict[str, Any] = {}
    for kind, (api_kind, target, arn) in _NOTIFICATION_KINDS.items():
        for item in properties.get(kind, []):
            one: dict[str, Any] = {arn: item[target], "Events": [item["Event"]]}
            if rules := item.get("Filter", {}).get("S3Key", {}).get("Rules"):
                one["Filter"] = {"Key": {"FilterRules": rules}}
            result.setdefault(api_kind, []).append(one)
    if properties.get("EventBridgeConfiguration"):
        result["EventBridgeConfiguration"] = {}
    return result


@removes("AWS::S3::Bucket")
def _remove_bucket(request: ResourceRequest, resource: StackResource) -> None:
    request.client("s3").delete_bucket(Bucket=resource.physical_id)


@puts("AWS::S3::BucketPolicy")
def _put_bucket_policy(request: ResourceRequest) -> ReturnValues:
    bucket = request.properties["Bucket"]
    policy = json.dumps(request.properties["PolicyDocument"])
    request.client("s3").put_bucket_policy(Bucket=bucket, Policy=policy)
    return ReturnValues(bucket)


@removes("AWS::S3::BucketPolicy")
def _remove_bucket_policy(request: ResourceRequest, resource: StackResource) -> None:
    request.client("s3").delete_bucket_policy(Bucket=resource.physical_id)
