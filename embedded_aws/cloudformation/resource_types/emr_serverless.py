"""EMR Serverless applications."""

from typing import Any

from embedded_aws.clients import ACCOUNT_ID
from embedded_aws.cloudformation.handlers import ResourceRequest, ReturnValues, puts, removes
from embedded_aws.cloudformation.intrinsics import StackResource


@puts("AWS::EMRServerless::Application")
def _put_application(request: ResourceRequest) -> ReturnValues:
    emr, asked = request.client("emr-serverless"), request.properties
    changeable = {"releaseLabel": asked["ReleaseLabel"], **_limits(asked)}
    if request.previous is None:
        identity = emr.create_application(
            name=request.name("Name"), type=asked["Type"].upper(), clientToken=request.generated_name, **changeable
        )["applicationId"]
    else:
        identity = request.previous.physical_id
        if not request.restoring:
            emr.update_application(applicationId=identity, clientToken=request.generated_name, **changeable)
    arn = f"arn:aws:emr-serverless:{request.region}:{ACCOUNT_ID}:/applications/{identity}"
    return ReturnValues(identity, {"ApplicationId": identity, "Arn": arn})


def _limits(asked: dict[str, Any]) -> dict[str, Any]:
    limits: dict[str, Any] = {}
    if capacity := asked.get("MaximumCapacity"):
        limits["maximumCapacity"] = {name.lower(): amount for name, amount in capacity.items()}
    if scheduler := asked.get("SchedulerConfiguration"):
        numbers = {name[0].lower() + name[1:]: int(number) for name, number in scheduler.items()}
        limits["schedulerConfiguration"] = numbers
    return limits


@removes("AWS::EMRServerless::Application")
def _remove_application(request: ResourceRequest, resource: StackResource) -> None:
    # stops nothing: the registry's handler may call DeleteApplication and GetApplication alone
    request.client("emr-serverless").delete_application(applicationId=resource.physical_id)
