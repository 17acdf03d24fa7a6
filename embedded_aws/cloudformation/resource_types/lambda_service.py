"""Lambda functions, their URLs, versions, aliases, permissions and event source mappings."""

from typing import Any

from botocore.exceptions import ClientError

from embedded_aws.clients import ACCOUNT_ID
from embedded_aws.cloudformation.errors import ResourceError
from embedded_aws.cloudformation.handlers import ResourceRequest, ReturnValues, puts, raise_unless, removes
from embedded_aws.cloudformation.intrinsics import StackResource
from embedded_aws.moto_internals.lambda_service import lambda_backends

_CODE_KEYS = {"S3Bucket", "S3Key", "S3ObjectVersion"}
_INTEGERS = {"Timeout", "MemorySize", "BatchSize", "MaximumBatchingWindowInSeconds", "MaximumRetryAttempts"}
_INTEGERS |= {"MaximumEventAgeInSeconds"}
# ReservedConcurrentExecutions has an API of its own; RecursiveLoop too, and no loop is looked for here
_NOT_OF_THE_FUNCTION = {"Tags", "ReservedConcurrentExecutions", "RecursiveLoop"}
_CONFIGURATION = ("Handler", "Role", "Runtime", "Timeout", "MemorySize", "Environment", "Description", "LoggingConfig")


def typed(properties: dict[str, Any]) -> dict[str, Any]:
    """Numbers that a template's parameters turned into text, as the APIs want them."""
    return {key: int(value) if key in _INTEGERS else value for key, value in properties.items()}


@puts("AWS::Lambda::Function")
def _put_function(request: ResourceRequest) -> ReturnValues:
    functions, name = request.client("lambda"), request.name("FunctionName")[:64]
    asked = typed({key: value for key, value in request.properties.items() if key not in _NOT_OF_THE_FUNCTION})
    variables = asked.get("Environment", {}).get("Variables", {})
    asked["Environment"] = {"Variables": {key: str(value) for key, value in variables.items()}}
    try:
        functions.create_function(**{**asked, "FunctionName": name, "Tags": _tags(request.properties)})
    except ClientError as error:
        raise_unless(error, *(["ResourceConflictException"] if request.previous else []))
        code = {key: value for key, value in asked["Code"].items() if key in _CODE_KEYS}
        functions.update_function_code(FunctionName=name, Architectures=asked.get("Architectures", ["x86_64"]), **code)
        kept = {key: asked[key] for key in _CONFIGURATION if key in asked}
        functions.update_function_configuration(FunctionName=name, **kept)
    _reserve(functions, name, request.properties.get("ReservedConcurrentExecutions"))
    return ReturnValues(name, {"Arn": f"arn:aws:lambda:{request.region}:{ACCOUNT_ID}:function:{name}"})


def _reserve(functions: Any, name: str, concurrency: Any) -> None:
    if concurrency is None:
        functions.delete_function_concurrency(FunctionName=name)
    else:
        functions.put_function_concurrency(FunctionName=name, ReservedConcurrentExecutions=int(concurrency))


def _tags(properties: dict[str, Any]) -> dict[str, str]:
    return {tag["Key"]: str(tag["Value"]) for tag in properties.get("Tags", [])}


@removes("AWS::Lambda::Function")
def _remove_function(request: ResourceRequest, resource: StackResource) -> None:
    request.client("lambda").delete_function(FunctionName=resource.physical_id)


@puts("AWS::Lambda::Version")
def _put_version(request: ResourceRequest) -> ReturnValues:
    functions, name = request.client("lambda"), request.properties["FunctionName"]
    if request.previous:
        lambda_backends[ACCOUNT_ID][request.region].number_versions_from(name, request.previous.attributes["Version"])
    known = functions.list_versions_by_function(FunctionName=name)["Versions"]
    version = functions.publish_version(FunctionName=name)["Version"]
    if version in {one["Version"] for one in known}:
        raise ResourceError(
            f"A version for this Lambda function exists ( {version} ). Modify the function to create a new version."
        )
    arn = f"arn:aws:lambda:{request.region}:{ACCOUNT_ID}:function:{name.split(':')[-1]}:{version}"
    return ReturnValues(arn, {"Version": version, "FunctionArn": arn})


@removes("AWS::Lambda::Version")
def _remove_version(request: ResourceRequest, resource: StackResource) -> None:
    name, version = resource.properties["FunctionName"], resource.attributes["Version"]
    request.client("lambda").delete_function(FunctionName=name, Qualifier=version)


@puts("AWS::Lambda::Alias")
def _put_alias(request: ResourceRequest) -> ReturnValues:
    functions, asked = request.client("lambda"), request.properties
    alias = {"FunctionName": asked["FunctionName"], "Name": asked["Name"], "FunctionVersion": asked["FunctionVersion"]}
    try:
        arn = functions.create_alias(**alias)["AliasArn"]
    except ClientError as error:
        # AWS has a code of its own for it, moto another
        raise_unless(error, *(["ResourceConflictException", "ConflictException"] if request.previous else []))
        arn = functions.update_alias(**alias)["AliasArn"]
    return ReturnValues(arn, {"AliasArn": arn})


@removes("AWS::Lambda::Alias")
def _remove_alias(request: ResourceRequest, resource: StackResource) -> None:
    asked = resource.properties
    request.client("lambda").delete_alias(FunctionName=asked["FunctionName"], Name=asked["Name"])


_PERMISSION = ("Action", "Principal", "SourceArn", "SourceAccount", "FunctionUrlAuthType", "InvokedViaFunctionUrl")


@puts("AWS::Lambda::Permission")
def _put_permission(request: ResourceRequest) -> ReturnValues:
    asked = request.properties
    allowed = {key: asked[key] for key in _PERMISSION if key in asked}
    if "InvokedViaFunctionUrl" in allowed:
        allowed["InvokedViaFunctionUrl"] = str(allowed["InvokedViaFunctionUrl"]).lower() == "true"
    statement = {"FunctionName": asked["FunctionName"], "StatementId": request.generated_name}
    if request.previous and not request.restoring:
        request.client("lambda").remove_permission(**statement)
    request.client("lambda").add_permission(**statement, **allowed)
    return ReturnValues(request.generated_name)


@removes("AWS::Lambda::Permission")
def _remove_permission(request: ResourceRequest, resource: StackResource) -> None:
    name = resource.properties["FunctionName"]
    request.client("lambda").remove_permission(FunctionName=name, StatementId=resource.physical_id)


@puts("AWS::Lambda::Url")
def _put_url(request: ResourceRequest) -> ReturnValues:
    functions, asked = request.client("lambda"), request.properties
    url = {"FunctionName": asked["TargetFunctionArn"], "AuthType": asked["AuthType"]}
    try:
        made = functions.create_function_url_config(**url)
    except ClientError as error:
        raise_unless(error, *(["ResourceConflictException"] if request.previous else []))
        made = functions.update_function_url_config(**url)
    arn = made["FunctionArn"]
    return ReturnValues(arn, {"FunctionArn": arn, "FunctionUrl": made["FunctionUrl"]})


@removes("AWS::Lambda::Url")
def _remove_url(request: ResourceRequest, resource: StackResource) -> None:
    try:
        request.client("lambda").delete_function_url_config(FunctionName=resource.physical_id)
    except ClientError as error:
        raise_unless(error, "ResourceNotFoundException")  # a deleted function takes its URL with it


@puts("AWS::Lambda::EventInvokeConfig")
def _put_invoke_config(request: ResourceRequest) -> ReturnValues:
    asked = typed(request.properties)
    asked.pop("Qualifier", None)  # moto keeps one configuration for a function; its versions share it
    request.client("lambda").put_function_event_invoke_config(**asked)
    return ReturnValues(request.generated_name)


@puts("AWS::Lambda::EventSourceMapping")
def _put_mapping(request: ResourceRequest) -> ReturnValues:
    functions, asked = request.client("lambda"), typed(request.properties)
    if "Enabled" in asked:
        asked["Enabled"] = str(asked["Enabled"]).lower() == "true"
    if maximum := asked.get("ScalingConfig", {}).get("MaximumConcurrency"):
        asked["ScalingConfig"] = {"MaximumConcurrency": int(maximum)}
    asked.pop("Tags", None)
    if request.previous and not request.restoring:
        functions.delete_event_source_mapping(UUID=request.previous.physical_id)
    return ReturnValues(functions.create_event_source_mapping(**asked)["UUID"])


@removes("AWS::Lambda::EventSourceMapping")
def _remove_mapping(request: ResourceRequest, resource: StackResource) -> None:
    try:
        request.client("lambda").delete_event_source_mapping(UUID=resource.physical_id)
    except ClientError as error:
        raise_unless(error, "ResourceNotFoundException")  # an update has replaced it already
