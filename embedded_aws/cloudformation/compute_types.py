"""Resource types that run something: Lambda, IAM roles for it, EMR Serverless."""

import json
from typing import Any

from botocore.exceptions import ClientError
from moto.awslambda.models import lambda_backends

from embedded_aws.clients import ACCOUNT_ID
from embedded_aws.cloudformation.intrinsics import Resource
from embedded_aws.cloudformation.resources import Made, Request, ResourceError, puts, removes
from embedded_aws.cloudformation.storage_types import ignore
from embedded_aws.cloudformation.templates import managed_document, managed_policies

_CODE_KEYS = {"S3Bucket", "S3Key", "S3ObjectVersion"}
_INTEGERS = {"Timeout", "MemorySize", "BatchSize", "MaximumBatchingWindowInSeconds", "MaximumRetryAttempts"}
_CONFIGURATION = ("Handler", "Role", "Runtime", "Timeout", "MemorySize", "Environment", "Description", "LoggingConfig")


def typed(properties: dict[str, Any]) -> dict[str, Any]:
    """Numbers that a template's parameters turned into text, as the APIs want them."""
    return {key: int(value) if key in _INTEGERS else value for key, value in properties.items()}


@puts("AWS::IAM::Role")
def _put_role(request: Request) -> Made:
    iam, name, asked = request.client("iam"), request.name("RoleName")[:64], request.properties
    trust = json.dumps(asked["AssumeRolePolicyDocument"])
    try:
        iam.create_role(RoleName=name, AssumeRolePolicyDocument=trust, Path=asked.get("Path", "/"))
    except ClientError as error:
        ignore(error, *(["EntityAlreadyExists"] if request.previous else []))
        iam.update_assume_role_policy(RoleName=name, PolicyDocument=trust)
    for arn in asked.get("ManagedPolicyArns", []):
        _attach(iam, name, arn)
    for policy in asked.get("Policies", []):
        document = _document(policy["PolicyDocument"])
        iam.put_role_policy(RoleName=name, PolicyName=policy["PolicyName"], PolicyDocument=document)
    role = iam.get_role(RoleName=name)["Role"]
    return Made(name, {"Arn": role["Arn"], "RoleId": role["RoleId"]})


def _attach(iam: Any, role: str, arn: str) -> None:
    """Attach a policy; AWS's own are put into the role itself, moto would take seconds to load them all."""
    if not arn.startswith("arn:aws:iam::aws:policy/"):
        iam.attach_role_policy(RoleName=role, PolicyArn=arn)
        return
    name = arn.rpartition("/")[2]
    if managed_policies().get(name) != arn:
        raise ResourceError(f"Policy {arn} does not exist or is not attachable.")
    iam.put_role_policy(RoleName=role, PolicyName=name, PolicyDocument=json.dumps(managed_document(name)))


def _document(policy: dict[str, Any]) -> str:
    """A policy as text; the transform's own have no version, and moto insists on one."""
    return json.dumps({"Version": "2012-10-17", **policy})


@removes("AWS::IAM::Role")
def _remove_role(request: Request, resource: Resource) -> None:
    iam, name = request.client("iam"), resource.physical_id
    for policy in iam.list_attached_role_policies(RoleName=name)["AttachedPolicies"]:
        iam.detach_role_policy(RoleName=name, PolicyArn=policy["PolicyArn"])
    for policy_name in iam.list_role_policies(RoleName=name)["PolicyNames"]:
        iam.delete_role_policy(RoleName=name, PolicyName=policy_name)
    iam.delete_role(RoleName=name)


@puts("AWS::IAM::Policy")
def _put_policy(request: Request) -> Made:
    name, document = request.properties["PolicyName"], _document(request.properties["PolicyDocument"])
    for role in request.properties.get("Roles", []):
        request.client("iam").put_role_policy(RoleName=role, PolicyName=name, PolicyDocument=document)
    return Made(request.generated_name)


@removes("AWS::IAM::Policy")
def _remove_policy(request: Request, resource: Resource) -> None:
    for role in resource.properties.get("Roles", []):
        request.client("iam").delete_role_policy(RoleName=role, PolicyName=resource.properties["PolicyName"])


@puts("AWS::IAM::ManagedPolicy")
def _put_managed_policy(request: Request) -> Made:
    iam, name = request.client("iam"), request.name("ManagedPolicyName")
    arn, document = f"arn:aws:iam::{ACCOUNT_ID}:policy/{name}", _document(request.properties["PolicyDocument"])
    try:
        iam.create_policy(PolicyName=name, PolicyDocument=document)
    except ClientError as error:
        ignore(error, *(["EntityAlreadyExists"] if request.previous else []))
        iam.create_policy_version(PolicyArn=arn, PolicyDocument=document, SetAsDefault=True)
    for role in request.properties.get("Roles", []):
        iam.attach_role_policy(RoleName=role, PolicyArn=arn)
    return Made(arn, {"PolicyArn": arn})


@removes("AWS::IAM::ManagedPolicy")
def _remove_managed_policy(request: Request, resource: Resource) -> None:
    request.client("iam").delete_policy(PolicyArn=resource.physical_id)


@puts("AWS::Lambda::Function")
def _put_function(request: Request) -> Made:
    functions, name = request.client("lambda"), request.name("FunctionName")[:64]
    asked = typed({key: value for key, value in request.properties.items() if key != "Tags"})
    variables = asked.get("Environment", {}).get("Variables", {})
    asked["Environment"] = {"Variables": {key: str(value) for key, value in variables.items()}}
    try:
        functions.create_function(**{**asked, "FunctionName": name, "Tags": _tags(request.properties)})
    except ClientError as error:
        ignore(error, *(["ResourceConflictException"] if request.previous else []))
        code = {key: value for key, value in asked["Code"].items() if key in _CODE_KEYS}
        functions.update_function_code(FunctionName=name, Architectures=asked.get("Architectures", ["x86_64"]), **code)
        kept = {key: asked[key] for key in _CONFIGURATION if key in asked}
        functions.update_function_configuration(FunctionName=name, **kept)
    return Made(name, {"Arn": f"arn:aws:lambda:{request.region}:{ACCOUNT_ID}:function:{name}"})


def _tags(properties: dict[str, Any]) -> dict[str, str]:
    return {tag["Key"]: str(tag["Value"]) for tag in properties.get("Tags", [])}


@removes("AWS::Lambda::Function")
def _remove_function(request: Request, resource: Resource) -> None:
    request.client("lambda").delete_function(FunctionName=resource.physical_id)


@puts("AWS::Lambda::Version")
def _put_version(request: Request) -> Made:
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
    return Made(arn, {"Version": version, "FunctionArn": arn})


@removes("AWS::Lambda::Version")
def _remove_version(request: Request, resource: Resource) -> None:
    name, version = resource.properties["FunctionName"], resource.attributes["Version"]
    request.client("lambda").delete_function(FunctionName=name, Qualifier=version)


@puts("AWS::Lambda::Alias")
def _put_alias(request: Request) -> Made:
    functions, asked = request.client("lambda"), request.properties
    alias = {"FunctionName": asked["FunctionName"], "Name": asked["Name"], "FunctionVersion": asked["FunctionVersion"]}
    try:
        arn = functions.create_alias(**alias)["AliasArn"]
    except ClientError as error:
        # AWS has a code of its own for it, moto another
        ignore(error, *(["ResourceConflictException", "ConflictException"] if request.previous else []))
        arn = functions.update_alias(**alias)["AliasArn"]
    return Made(arn, {"AliasArn": arn})


@removes("AWS::Lambda::Alias")
def _remove_alias(request: Request, resource: Resource) -> None:
    asked = resource.properties
    request.client("lambda").delete_alias(FunctionName=asked["FunctionName"], Name=asked["Name"])


@puts("AWS::Lambda::Permission")
def _put_permission(request: Request) -> Made:
    asked = request.properties
    allowed = {key: asked[key] for key in ("Action", "Principal", "SourceArn", "SourceAccount") if key in asked}
    statement = {"FunctionName": asked["FunctionName"], "StatementId": request.generated_name}
    if request.previous and not request.restoring:
        request.client("lambda").remove_permission(**statement)
    request.client("lambda").add_permission(**statement, **allowed)
    return Made(request.generated_name)


@removes("AWS::Lambda::Permission")
def _remove_permission(request: Request, resource: Resource) -> None:
    name = resource.properties["FunctionName"]
    request.client("lambda").remove_permission(FunctionName=name, StatementId=resource.physical_id)


@puts("AWS::Lambda::EventInvokeConfig")
def _put_invoke_config(request: Request) -> Made:
    asked = {key: value for key, value in typed(request.properties).items() if key != "DestinationConfig"}
    if "MaximumEventAgeInSeconds" in asked:
        asked["MaximumEventAgeInSeconds"] = int(asked["MaximumEventAgeInSeconds"])
    asked.pop("Qualifier", None)  # moto keeps one configuration for a function; its versions share it
    request.client("lambda").put_function_event_invoke_config(**asked)
    return Made(request.generated_name)


@puts("AWS::Lambda::EventSourceMapping")
def _put_mapping(request: Request) -> Made:
    functions, asked = request.client("lambda"), typed(request.properties)
    if "Enabled" in asked:
        asked["Enabled"] = str(asked["Enabled"]).lower() == "true"
    if maximum := asked.get("ScalingConfig", {}).get("MaximumConcurrency"):
        asked["ScalingConfig"] = {"MaximumConcurrency": int(maximum)}
    asked.pop("Tags", None)
    if request.previous and not request.restoring:
        functions.delete_event_source_mapping(UUID=request.previous.physical_id)
    return Made(functions.create_event_source_mapping(**asked)["UUID"])


@removes("AWS::Lambda::EventSourceMapping")
def _remove_mapping(request: Request, resource: Resource) -> None:
    try:
        request.client("lambda").delete_event_source_mapping(UUID=resource.physical_id)
    except ClientError as error:
        ignore(error, "ResourceNotFoundException")  # an update has replaced it already


@puts("AWS::EMRServerless::Application")
def _put_application(request: Request) -> Made:
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
    return Made(identity, {"ApplicationId": identity, "Arn": arn})


def _limits(asked: dict[str, Any]) -> dict[str, Any]:
    limits: dict[str, Any] = {}
    if capacity := asked.get("MaximumCapacity"):
        limits["maximumCapacity"] = {name.lower(): amount for name, amount in capacity.items()}
    if scheduler := asked.get("SchedulerConfiguration"):
        numbers = {name[0].lower() + name[1:]: int(number) for name, number in scheduler.items()}
        limits["schedulerConfiguration"] = numbers
    return limits


@removes("AWS::EMRServerless::Application")
def _remove_application(request: Request, resource: Resource) -> None:
    # stops nothing: the registry's handler may call DeleteApplication and GetApplication alone
    request.client("emr-serverless").delete_application(applicationId=resource.physical_id)
