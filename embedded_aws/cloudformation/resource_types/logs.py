"""CloudWatch Logs log groups."""

from botocore.exceptions import ClientError

from embedded_aws.clients import ACCOUNT_ID
from embedded_aws.cloudformation.handlers import ResourceRequest, ReturnValues, puts, raise_unless, removes
from embedded_aws.cloudformation.intrinsics import StackResource
from embedded_aws.moto_internals.logs import logs_backends


@puts("AWS::Logs::LogGroup")
def _put_log_group(request: ResourceRequest) -> ReturnValues:
    logs, name = request.client("logs"), request.name("LogGroupName")
    key = request.properties.get("KmsKeyId")
    try:
        logs.create_log_group(logGroupName=name, **({"kmsKeyId": key} if key else {}))
    except ClientError as error:
        raise_unless(error, *(["ResourceAlreadyExistsException"] if request.previous else []))
        # moto has neither AssociateKmsKey nor its opposite
        logs_backends[ACCOUNT_ID][request.region].groups[name].kms_key_id = key
    if days := request.properties.get("RetentionInDays"):
        logs.put_retention_policy(logGroupName=name, retentionInDays=int(days))
    return ReturnValues(name, {"Arn": f"arn:aws:logs:{request.region}:{ACCOUNT_ID}:log-group:{name}:*"})


@removes("AWS::Logs::LogGroup")
def _remove_log_group(request: ResourceRequest, resource: StackResource) -> None:
    request.client("logs").delete_log_group(logGroupName=resource.physical_id)
