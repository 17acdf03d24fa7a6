"""IAM roles and policies."""

import json
from typing import Any

from botocore.exceptions import ClientError

from embedded_aws.clients import ACCOUNT_ID
from embedded_aws.cloudformation.errors import ResourceError
from embedded_aws.cloudformation.handlers import ResourceRequest, ReturnValues, puts, raise_unless, removes
from embedded_aws.cloudformation.intrinsics import StackResource
from embedded_aws.cloudformation.managed_policies import managed_policies, managed_policy_document


@puts("AWS::IAM::Role")
def _put_role(request: ResourceRequest) -> ReturnValues:
    iam, name, asked = request.client("iam"), request.name("RoleName")[:64], request.properties
    trust = json.dumps(asked["AssumeRolePolicyDocument"])
    try:
        iam.create_role(RoleName=name, AssumeRolePolicyDocument=trust, Path=asked.get("Path", "/"))
    except ClientError as error:
        raise_unless(error, *(["EntityAlreadyExists"] if request.previous else []))
        iam.update_assume_role_policy(RoleName=name, PolicyDocument=trust)
    for arn in asked.get("ManagedPolicyArns", []):
        _attach(iam, name, arn)
    for policy in asked.get("Policies", []):
        document = _document(policy["PolicyDocument"])
        iam.put_role_policy(RoleName=name, PolicyName=policy["PolicyName"], PolicyDocument=document)
    role = iam.get_role(RoleName=name)["Role"]
    return ReturnValues(name, {"Arn": role["Arn"], "RoleId": role["RoleId"]})


def _attach(iam: Any, role: str, arn: str) -> None:
    """Attach a policy; AWS's own are put into the role itself, moto would take seconds to load them all."""
    if not arn.startswith("arn:aws:iam::aws:policy/"):
        iam.attach_role_policy(RoleName=role, PolicyArn=arn)
        return
    name = arn.rpartition("/")[2]
    if managed_policies().get(name) != arn:
        raise ResourceError(f"Policy {arn} does not exist or is not attachable.")
    iam.put_role_policy(RoleName=role, PolicyName=name, PolicyDocument=json.dumps(managed_policy_document(name)))


def _document(policy: dict[str, Any]) -> str:
    """A policy as text; the transform's own have no version, and moto insists on one."""
    return json.dumps({"Version": "2012-10-17", **policy})


@removes("AWS::IAM::Role")
def _remove_role(request: ResourceRequest, resource: StackResource) -> None:
    iam, name = request.client("iam"), resource.physical_id
    for policy in iam.list_attached_role_policies(RoleName=name)["AttachedPolicies"]:
        iam.detach_role_policy(RoleName=name, PolicyArn=policy["PolicyArn"])
    for policy_name in iam.list_role_policies(RoleName=name)["PolicyNames"]:
        iam.delete_role_policy(RoleName=name, PolicyName=policy_name)
    iam.delete_role(RoleName=name)


@puts("AWS::IAM::Policy")
def _put_policy(request: ResourceRequest) -> ReturnValues:
    name, document = request.properties["PolicyName"], _document(request.properties["PolicyDocument"])
    for role in request.properties.get("Roles", []):
        request.client("iam").put_role_policy(RoleName=role, PolicyName=name, PolicyDocument=document)
    return ReturnValues(request.generated_name)


@removes("AWS::IAM::Policy")
def _remove_policy(request: ResourceRequest, resource: StackResource) -> None:
    for role in resource.properties.get("Roles", []):
        request.client("iam").delete_role_policy(RoleName=role, PolicyName=resource.properties["PolicyName"])


@puts("AWS::IAM::ManagedPolicy")
def _put_managed_policy(request: ResourceRequest) -> ReturnValues:
    iam, name = request.client("iam"), request.name("ManagedPolicyName")
    arn, document = f"arn:aws:iam::{ACCOUNT_ID}:policy/{name}", _document(request.properties["PolicyDocument"])
    try:
        iam.create_policy(PolicyName=name, PolicyDocument=document)
    except ClientError as error:
        raise_unless(error, *(["EntityAlreadyExists"] if request.previous else []))
        iam.create_policy_version(PolicyArn=arn, PolicyDocument=document, SetAsDefault=True)
    for role in request.properties.get("Roles", []):
        iam.attach_role_policy(RoleName=role, PolicyArn=arn)
    return ReturnValues(arn, {"PolicyArn": arn})


@removes("AWS::IAM::ManagedPolicy")
def _remove_managed_policy(request: ResourceRequest, resource: StackResource) -> None:
    request.client("iam").delete_policy(PolicyArn=resource.physical_id)
