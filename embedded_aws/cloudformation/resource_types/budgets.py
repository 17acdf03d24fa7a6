"""Budgets."""

from typing import Any

from embedded_aws.clients import ACCOUNT_ID
from embedded_aws.cloudformation.handlers import ResourceRequest, ReturnValues, puts, removes
from embedded_aws.cloudformation.intrinsics import StackResource


@puts("AWS::Budgets::Budget")
def _put_budget(request: ResourceRequest) -> ReturnValues:
    budgets, budget = request.clients("budgets", "us-east-1"), dict(request.properties["Budget"])
    budget.setdefault("BudgetName", request.generated_name)
    budget["BudgetLimit"] = _spend(budget.get("BudgetLimit"))
    notifications = [_notification(one) for one in request.properties.get("NotificationsWithSubscribers", [])]
    if request.previous and not request.restoring:
        budgets.delete_budget(AccountId=ACCOUNT_ID, BudgetName=budget["BudgetName"])
    budgets.create_budget(AccountId=ACCOUNT_ID, Budget=budget, NotificationsWithSubscribers=notifications)
    return ReturnValues(budget["BudgetName"])


def _notification(notification: dict[str, Any]) -> dict[str, Any]:
    threshold = float(notification["Notification"]["Threshold"])
    return {**notification, "Notification": {**notification["Notification"], "Threshold": threshold}}


def _spend(limit: dict[str, Any] | None) -> dict[str, str]:
    return {key: str(value) for key, value in (limit or {"Amount": "0", "Unit": "USD"}).items()}


@removes("AWS::Budgets::Budget")
def _remove_budget(request: ResourceRequest, resource: StackResource) -> None:
    request.clients("budgets", "us-east-1").delete_budget(AccountId=ACCOUNT_ID, BudgetName=resource.physical_id)
