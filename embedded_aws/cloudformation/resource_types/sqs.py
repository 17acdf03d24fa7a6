"""SQS queues and queue policies."""

import json

from botocore.exceptions import ClientError

from embedded_aws.clients import ACCOUNT_ID
from embedded_aws.cloudformation.handlers import ResourceRequest, ReturnValues, puts, raise_unless, removes
from embedded_aws.cloudformation.intrinsics import StackResource


@puts("AWS::SQS::Queue")
def _put_queue(request: ResourceRequest) -> ReturnValues:
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
        raise_unless(error, "AWS.SimpleQueueService.NonExistentQueue", "QueueDoesNotExist")
        sqs.create_queue(QueueName=name, Attributes=attributes)
    url = f"https://sqs.{request.region}.amazonaws.com/{ACCOUNT_ID}/{name}"
    arn = f"arn:aws:sqs:{request.region}:{ACCOUNT_ID}:{name}"
    return ReturnValues(url, {"Arn": arn, "QueueName": name, "QueueUrl": url})


@removes("AWS::SQS::Queue")
def _remove_queue(request: ResourceRequest, resource: StackResource) -> None:
    request.client("sqs").delete_queue(QueueUrl=resource.physical_id)


@puts("AWS::SQS::QueuePolicy")
def _put_queue_policy(request: ResourceRequest) -> ReturnValues:
    policy = json.dumps(request.properties["PolicyDocument"])
    for url in request.properties["Queues"]:
        request.client("sqs").set_queue_attributes(QueueUrl=url, Attributes={"Policy": policy})
    return ReturnValues(request.generated_name)
