"""CloudWatch alarms and dashboards."""

from embedded_aws.clients import ACCOUNT_ID
from embedded_aws.cloudformation.handlers import ResourceRequest, ReturnValues, puts, removes
from embedded_aws.cloudformation.intrinsics import StackResource

_NUMBERS = {"Threshold": float, "Period": int, "EvaluationPeriods": int, "DatapointsToAlarm": int}


@puts("AWS::CloudWatch::Alarm")
def _put_alarm(request: ResourceRequest) -> ReturnValues:
    name = str(request.properties.get("AlarmName") or _alarm_name(request))
    asked = {key: _NUMBERS[key](value) if key in _NUMBERS else value for key, value in request.properties.items()}
    if "ActionsEnabled" in asked:
        asked["ActionsEnabled"] = str(asked["ActionsEnabled"]).lower() == "true"
    asked.pop("Tags", None)
    request.client("cloudwatch").put_metric_alarm(**{**asked, "AlarmName": name})
    return ReturnValues(name, {"Arn": f"arn:aws:cloudwatch:{request.region}:{ACCOUNT_ID}:alarm:{name}"})


def _alarm_name(request: ResourceRequest) -> str:
    """Return STACK-LOGICALID-SUFFIX uncut, as CloudFormation makes it: a longest name is of 255 characters."""
    return f"{request.stack_id.split('/')[1]}-{request.logical_id}-{request.generated_name.rpartition('-')[2]}"


@removes("AWS::CloudWatch::Alarm")
def _remove_alarm(request: ResourceRequest, resource: StackResource) -> None:
    request.client("cloudwatch").delete_alarms(AlarmNames=[resource.physical_id])


@puts("AWS::CloudWatch::Dashboard")
def _put_dashboard(request: ResourceRequest) -> ReturnValues:
    name = request.name("DashboardName")
    request.client("cloudwatch").put_dashboard(DashboardName=name, DashboardBody=request.properties["DashboardBody"])
    return ReturnValues(name)


@removes("AWS::CloudWatch::Dashboard")
def _remove_dashboard(request: ResourceRequest, resource: StackResource) -> None:
    request.client("cloudwatch").delete_dashboards(DashboardNames=[resource.physical_id])
