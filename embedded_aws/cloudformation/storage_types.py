"""Resource types of storage and messages: S3, SQS, SNS, Glue, Logs."""

import json
from typing import Any

from botocore.exceptions import ClientError
from moto.logs.models import logs_backends

from embedded_aws.clients import ACCOUNT_ID
from embedded_aws.cloudformation.intrinsics import Resource
from embedded_aws.cloudformation.resources import Made, Request, puts, removes

_NOTIFICATION_KINDS = {
    "QueueConfigurations": ("QueueConfigurations", "Queue", "QueueArn"),
    "TopicConfigurations": ("TopicConfigurations", "Topic", "TopicArn"),
    "LambdaConfigurations": ("LambdaFunctionConfigurations", "Function", "LambdaFunctionArn"),
}


def ignore(error: ClientError, *codes: str) -> None:
    """Go on if the error is one of these; raise it otherwise."""
    if error.response["Error"]["Code"] not in codes:
        raise error


@puts("AWS::S3::Bucket")
def _put_bucket(request: Request) -> Made:
    s3, name = request.client("s3"), request.name("BucketName").lower()[:63]
    location = {} if request.region == "us-east-1" else {"LocationConstraint": request.region}
    try:
        s3.create_bucket(Bucket=name, **({"CreateBucketConfiguration": location} if location else {}))
    except ClientError as error:
        ignore(error, "BucketAlreadyOwnedByYou", *(["BucketAlreadyExists"] if request.restoring else []))
    if not request.restoring:  # settings outlive the process
        _configure_bucket(s3, name, request.properties)
    domain = f"{name}.s3.amazonaws.com"
    regional = f"{name}.s3.{request.region}.amazonaws.com"
    return Made(name, {"Arn": f"arn:aws:s3:::{name}", "DomainName": domain, "RegionalDomainName": regional})


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
def _remove_bucket(request: Request, resource: Resource) -> None:
    request.client("s3").delete_bucket(Bucket=resource.physical_id)


@puts("AWS::S3::BucketPolicy")
def _put_bucket_policy(request: Request) -> Made:
    bucket = request.properties["Bucket"]
    policy = json.dumps(request.properties["PolicyDocument"])
    request.client("s3").put_bucket_policy(Bucket=bucket, Policy=policy)
    return Made(bucket)


@removes("AWS::S3::BucketPolicy")
def _remove_bucket_policy(request: Request, resource: Resource) -> None:
    request.client("s3").delete_bucket_policy(Bucket=resource.physical_id)


@puts("AWS::SQS::Queue")
def _put_queue(request: Request) -> Made:
    sqs, name = request.client("sqs"), request.name("QueueName")
    attributes = {
        key: json.dumps(value)
        if isinstance(value, dict)
        else str(value).lower()
        if isinstance(value, bool)
        else str(value)
        for key, value in request.properties.items()
        if key not in ("QueueName", "Tags")
    }
    if request.previous and "KmsMasterKeyId" in request.previous.properties:
        attributes.setdefault("KmsMasterKeyId", "")
    try:
        sqs.get_queue_url(QueueName=name)
        sqs.set_queue_attributes(QueueUrl=name, Attributes=attributes)
    except ClientError as error:
        ignore(error, "AWS.SimpleQueueService.NonExistentQueue", "QueueDoesNotExist")
        sqs.create_queue(QueueName=name, Attributes=attributes)
    url = f"https://sqs.{request.region}.amazonaws.com/{ACCOUNT_ID}/{name}"
    arn = f"arn:aws:sqs:{request.region}:{ACCOUNT_ID}:{name}"
    return Made(url, {"Arn": arn, "QueueName": name, "QueueUrl": url})


@removes("AWS::SQS::Queue")
def _remove_queue(request: Request, resource: Resource) -> None:
    request.client("sqs").delete_queue(QueueUrl=resource.physical_id)


@puts("AWS::SQS::QueuePolicy")
def _put_queue_policy(request: Request) -> Made:
    policy = json.dumps(request.properties["PolicyDocument"])
    for url in request.properties["Queues"]:
        request.client("sqs").set_queue_attributes(QueueUrl=url, Attributes={"Policy": policy})
    return Made(request.generated_name)


@puts("AWS::SNS::Topic")
def _put_topic(request: Request) -> Made:
    sns, name = request.client("sns"), request.name("TopicName")
    arn = sns.create_topic(Name=name)["TopicArn"]
    key = request.properties.get("KmsMasterKeyId", "")
    sns.set_topic_attributes(TopicArn=arn, AttributeName="KmsMasterKeyId", AttributeValue=key)
    wanted = {(one["Protocol"], one["Endpoint"]) for one in request.properties.get("Subscription", [])}
    for one in sns.list_subscriptions_by_topic(TopicArn=arn)["Subscriptions"] if request.previous else []:
        if (one["Protocol"], one["Endpoint"]) not in wanted:
            sns.unsubscribe(SubscriptionArn=one["SubscriptionArn"])
    for protocol, endpoint in wanted:
        sns.subscribe(TopicArn=arn, Protocol=protocol, Endpoint=endpoint)
    return Made(arn, {"TopicArn": arn, "TopicName": name})


@removes("AWS::SNS::Topic")
def _remove_topic(request: Request, resource: Resource) -> None:
    request.client("sns").delete_topic(TopicArn=resource.physical_id)


@puts("AWS::SNS::TopicPolicy")
def _put_topic_policy(request: Request) -> Made:
    policy = json.dumps(request.properties["PolicyDocument"])
    for arn in request.properties["Topics"]:
        request.client("sns").set_topic_attributes(TopicArn=arn, AttributeName="Policy", AttributeValue=policy)
    return Made(request.generated_name)


@puts("AWS::SNS::Subscription")
def _put_subscription(request: Request) -> Made:
    asked = request.properties
    arn = request.client("sns").subscribe(
        TopicArn=asked["TopicArn"], Protocol=asked["Protocol"], Endpoint=asked["Endpoint"], ReturnSubscriptionArn=True
    )["SubscriptionArn"]
    return Made(arn)


@removes("AWS::SNS::Subscription")
def _remove_subscription(request: Request, resource: Resource) -> None:
    request.client("sns").unsubscribe(SubscriptionArn=resource.physical_id)


@puts("AWS::Glue::Database")
def _put_database(request: Request) -> Made:
    glue, asked = request.client("glue"), dict(request.properties["DatabaseInput"])
    asked.setdefault("Name", request.generated_name.lower().replace("-", "_"))
    try:
        glue.create_database(DatabaseInput=asked)
    except ClientError as error:
        ignore(error, *(["AlreadyExistsException"] if request.previous else []))
        glue.update_database(Name=asked["Name"], DatabaseInput=asked)
    return Made(asked["Name"])


@removes("AWS::Glue::Database")
def _remove_database(request: Request, resource: Resource) -> None:
    request.client("glue").delete_database(Name=resource.physical_id)


@puts("AWS::Logs::LogGroup")
def _put_log_group(request: Request) -> Made:
    logs, name = request.client("logs"), request.name("LogGroupName")
    key = request.properties.get("KmsKeyId")
    try:
        logs.create_log_group(logGroupName=name, **({"kmsKeyId": key} if key else {}))
    except ClientError as error:
        ignore(error, *(["ResourceAlreadyExistsException"] if request.previous else []))
        # moto has neither AssociateKmsKey nor its opposite
        logs_backends[ACCOUNT_ID][request.region].groups[name].kms_key_id = key
    if days := request.properties.get("RetentionInDays"):
        logs.put_retention_policy(logGroupName=name, retentionInDays=int(days))
    return Made(name, {"Arn": f"arn:aws:logs:{request.region}:{ACCOUNT_ID}:log-group:{name}:*"})


@removes("AWS::Logs::LogGroup")
def _remove_log_group(request: Request, resource: Resource) -> None:
    request.client("logs").delete_log_group(logGroupName=resource.physical_id)
