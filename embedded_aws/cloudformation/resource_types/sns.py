"""SNS topics, topic policies and subscriptions."""

import json

from embedded_aws.cloudformation.handlers import ResourceRequest, ReturnValues, puts, removes
from embedded_aws.cloudformation.intrinsics import StackResource


@puts("AWS::SNS::Topic")
def _put_topic(request: ResourceRequest) -> ReturnValues:
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
    return ReturnValues(arn, {"TopicArn": arn, "TopicName": name})


@removes("AWS::SNS::Topic")
def _remove_topic(request: ResourceRequest, resource: StackResource) -> None:
    request.client("sns").delete_topic(TopicArn=resource.physical_id)


@puts("AWS::SNS::TopicPolicy")
def _put_topic_policy(request: ResourceRequest) -> ReturnValues:
    policy = json.dumps(request.properties["PolicyDocument"])
    for arn in request.properties["Topics"]:
        request.client("sns").set_topic_attributes(TopicArn=arn, AttributeName="Policy", AttributeValue=policy)
    return ReturnValues(request.generated_name)


@puts("AWS::SNS::Subscription")
def _put_subscription(request: ResourceRequest) -> ReturnValues:
    asked = request.properties
    arn = request.client("sns").subscribe(
        TopicArn=asked["TopicArn"], Protocol=asked["Protocol"], Endpoint=asked["Endpoint"], ReturnSubscriptionArn=True
    )["SubscriptionArn"]
    return ReturnValues(arn)


@removes("AWS::SNS::Subscription")
def _remove_subscription(request: ResourceRequest, resource: StackResource) -> None:
    request.client("sns").unsubscribe(SubscriptionArn=resource.physical_id)
