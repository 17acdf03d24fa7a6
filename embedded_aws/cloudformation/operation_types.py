"""Resource types that watch and wake: EventBridge rules, schedules, alarms, dashboards, budgets."""

import json
from typing import Any

from botocore.exceptions import ClientError

from embedded_aws.clients import ACCOUNT_ID
from embedded_aws.cloudformation.intrinsics import Resource
from embedded_aws.cloudformation.resources import Made, Request, puts, removes
from embedded_aws.cloudformation.storage_types import ignore

_NUMBERS = {"Threshold": float, "Period": int, "EvaluationPeriods": int, "DatapointsToAlarm": int}


@puts("AWS::Events::Rule")
def _put_rule(request: Request) -> Made:
    events, name, asked = request.client("events"), request.name("Name"), request.properties
    rule: dict[str, Any] = {
        key: asked[key] for key in ("Description", "ScheduleExpression", "State", "EventBusName") if key in asked
    }
    if "EventPattern" in asked:
        rule["EventPattern"] = json.dumps(asked["EventPattern"])
    arn = events.put_rule(Name=name, **rule)["RuleArn"]
    if targets := asked.get("Targets"):
        events.put_targets(Rule=name, Targets=targets)
    return Made(name, {"Arn": arn})


@removes("AWS::Events::Rule")
def _remove_rule(request: Request, resource: Resource) -> None:
    events, name = request.client("events"), resource.physical_id
    if targets := [target["Id"] for target in events.list_targets_by_rule(Rule=name)["Targets"]]:
        events.remove_targets(Rule=name, Ids=targets)
    events.delete_rule(Name=name)


@puts("AWS::Scheduler::Schedule")
def _put_schedule(request: Request) -> Made:
    scheduler, name = request.client("scheduler"), request.name("Name")[:64]
    asked = {**request.properties, "Name": name}
    try:
        arn = scheduler.create_schedule(**asked)["ScheduleArn"]
    except ClientError as error:
        ignore(error, *(["ConflictException"] if request.previous else []))
        arn = scheduler.update_schedule(**asked)["ScheduleArn"]
    return Made(name, {"Arn": arn})


@removes("AWS::Scheduler::Schedule")
def _remove_schedule(request: Request, resource: Resource) -> None:
    request.client("scheduler").delete_schedule(Name=resource.physical_id)


@puts("AWS::CloudWatch::Alarm")
def _put_alarm(request: Request) -> Made:
    name = str(request.properties.get("AlarmName") or _alarm_name(request))
    asked = {key: _NUMBERS[key](value) if key in _NUMBERS else value for key, value in request.properties.items()}
    if "ActionsEnabled" in asked:
        asked["ActionsEnabled"] = str(asked["ActionsEnabled"]).lower() == "true"
    asked.pop("Tags", None)
    request.client("cloudwatch").put_metric_alarm(**{**asked, "AlarmName": name})
    return Made(name, {"Arn": f"arn:aws:cloudwatch:{request.region}:{ACCOUNT_ID}:alarm:{name}"})


def _alarm_name(request: Request) -> str:
    """Return STACK-LOGICALID-SUFFIX uncut, as CloudFormation makes it: a longest name is of 255 characters."""
    return f"{request.stack_id.split('/')[1]}-{request.logical_id}-{request.generated_name.rpartition('-')[2]}"


@removes("AWS::CloudWatch::Alarm")
def _remove_alarm(request: Request, resource: Resource) -> None:
    request.client("cloudwatch").delete_alarms(AlarmNames=[resource.physical_id])


@puts("AWS::CloudWatch::Dashboard")
def _put_dashboard(request: Request) -> Made:
    name = request.name("DashboardName")
    request.client("cloudwatch").put_dashboard(DashboardName=name, DashboardBody=request.properties["DashboardBody"])
    return Made(name)


@removes("AWS::CloudWatch::Dashboard")
def _remove_dashboard(request: Request, resource: Resource) -> None:
    request.client("cloudwatch").delete_dashboards(DashboardNames=[resource.physical_id])


@puts("AWS::Budgets::Budget")
def _put_budget(request: Request) -> Made:
    budgets, budget = request.clients("budgets", "us-east-1"), dict(request.properties["Budget"])
    budget.setdefault("BudgetName", request.generated_name)
    budget["BudgetLimit"] = _spend(budget.get("BudgetLimit"))
    told = [_notification(one) for one in request.properties.get("NotificationsWithSubscribers", [])]
    if request.previous and not request.restoring:
        budgets.delete_budget(AccountId=ACCOUNT_ID, BudgetName=budget["BudgetName"])
    budgets.create_budget(AccountId=ACCOUNT_ID, Budget=budget, NotificationsWithSubscribers=told)
    return Made(budget["BudgetName"])


def _notification(told: dict[str, Any]) -> dict[str, Any]:
    threshold = float(told["Notification"]["Threshold"])
    return {**told, "Notification": {**told["Notification"], "Threshold": threshold}}


def _spend(limit: dict[str, Any] | None) -> dict[str, str]:
    return {key: str(value) for key, value in (limit or {"Amount": "0", "Unit": "USD"}).items()}


@removes("AWS::Budgets::Budget")
def _remove_budget(request: Request, resource: Resource) -> None:
    request.clients("budgets", "us-east-1").delete_budget(AccountId=ACCOUNT_ID, BudgetName=resource.physical_id)
