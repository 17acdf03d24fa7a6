"""EventBridge rules and EventBridge Scheduler's schedules."""

import json
from typing import Any

from botocore.exceptions import ClientError

from embedded_aws.cloudformation.handlers import ResourceRequest, ReturnValues, puts, raise_unless, removes
from embedded_aws.cloudformation.intrinsics import StackResource


@puts("AWS::Events::Rule")
def _put_rule(request: ResourceRequest) -> ReturnValues:
    events, name, asked = request.client("events"), request.name("Name"), request.properties
    rule: dict[str, Any] = {
        key: asked[key] for key in ("Description", "ScheduleExpression", "State", "EventBusName") if key in asked
    }
    if "EventPattern" in asked:
        rule["EventPattern"] = json.dumps(asked["EventPattern"])
    arn = events.put_rule(Name=name, **rule)["RuleArn"]
    if targets := asked.get("Targets"):
        events.put_targets(Rule=name, Targets=targets)
    return ReturnValues(name, {"Arn": arn})


@removes("AWS::Events::Rule")
def _remove_rule(request: ResourceRequest, resource: StackResource) -> None:
    events, name = request.client("events"), resource.physical_id
    if targets := [target["Id"] for target in events.list_targets_by_rule(Rule=name)["Targets"]]:
        events.remove_targets(Rule=name, Ids=targets)
    events.delete_rule(Name=name)


@puts("AWS::Scheduler::Schedule")
def _put_schedule(request: ResourceRequest) -> ReturnValues:
    scheduler, name = request.client("scheduler"), request.name("Name")[:64]
    asked = {**request.properties, "Name": name}
    try:
        arn = scheduler.create_schedule(**asked)["ScheduleArn"]
    except ClientError as error:
        raise_unless(error, *(["ConflictException"] if request.previous else []))
        arn = scheduler.update_schedule(**asked)["ScheduleArn"]
    return ReturnValues(name, {"Arn": arn})


@removes("AWS::Scheduler::Schedule")
def _remove_schedule(request: ResourceRequest, resource: StackResource) -> None:
    request.client("scheduler").delete_schedule(Name=resource.physical_id)
