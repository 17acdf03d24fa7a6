"""The template's own policies with their expressions resolved, as a deployment of it would have them."""

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from embedded_aws.cloudformation.intrinsics import Scope, StackResource
from embedded_aws.cloudformation.templates import parameter_values, parse_template, read_template

ROOT = Path(__file__).resolve().parents[1]
REGION, ACCOUNT, STACK = "eu-west-3", "123456789012", "pomona"
KEY = f"arn:aws:kms:{REGION}:{ACCOUNT}:key/11111111-2222-3333-4444-555555555555"
LAKE = f"{STACK}-lake-{ACCOUNT}-{REGION}"
IMAGES = f"{STACK}-images-{ACCOUNT}-{REGION}"
_PSEUDO = {
    "AWS::AccountId": ACCOUNT,
    "AWS::Partition": "aws",
    "AWS::Region": REGION,
    "AWS::StackId": f"arn:aws:cloudformation:{REGION}:{ACCOUNT}:stack/{STACK}/1",
    "AWS::StackName": STACK,
    "AWS::URLSuffix": "amazonaws.com",
}
_ARNS = {
    "AWS::IAM::Role": f"arn:aws:iam::{ACCOUNT}:role/{{}}",
    "AWS::Logs::LogGroup": f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:{{}}:*",
    "AWS::SQS::Queue": f"arn:aws:sqs:{REGION}:{ACCOUNT}:{{}}",
    "AWS::Lambda::Function": f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{{}}",
}


class _Attributes(dict[str, str]):
    """Whatever a resource is asked for, it has."""

    def __init__(self, kind: str, name: str) -> None:
        super().__init__(Arn=_ARNS.get(kind, "arn:aws:any:::{}").format(name))

    def __contains__(self, _attribute: object) -> bool:
        return True

    def __missing__(self, attribute: str) -> str:
        return attribute


@cache
def resolved(**parameters: str) -> dict[str, dict[str, Any]]:
    """The template's resources after the SAM transform, those whose condition holds, without any expression."""
    # packaged, as `sam deploy` hands it over
    text = (ROOT / "template.yaml").read_text().replace("CodeUri: .", "CodeUri: s3://packages/function")
    values = parameter_values(parse_template(text), parameters)
    template = read_template(text, values, REGION)
    scope = Scope(template, values, _PSEUDO, _made(template["Resources"]))
    return {
        name: {"Type": body["Type"], **scope.resolve(body.get("Properties", {}))}
        for name, body in template["Resources"].items()
        if "Condition" not in body or scope.condition(body["Condition"])
    }


def _made(bodies: Mapping[str, Any]) -> dict[str, StackResource]:
    buckets = {"LakeBucket": LAKE, "ImagesBucket": IMAGES}
    made = {}
    for name, body in bodies.items():
        attributes = _Attributes(body["Type"], name)
        if name in buckets:
            attributes["Arn"] = f"arn:aws:s3:::{buckets[name]}"
        made[name] = StackResource(body["Type"], name, buckets.get(name, name), {}, attributes)
    return made


def statements(role: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The statements of a role's policies."""
    return [one for policy in role["Policies"] for one in listed(policy["PolicyDocument"]["Statement"])]


def roles(**parameters: str) -> dict[str, list[dict[str, Any]]]:
    """Statements by role, of the template's own roles and policies and of those that the SAM transform adds."""
    resources = resolved(**parameters)
    found = {name: statements(body) for name, body in resources.items() if body["Type"] == "AWS::IAM::Role"}
    for policy in resources.values():
        if policy["Type"] == "AWS::IAM::Policy":
            for role in policy["Roles"]:
                found[role] += listed(policy["PolicyDocument"]["Statement"])
    return found


def listed(value: Any) -> list[Any]:
    """One or several, as a policy may have them."""
    return list(value) if isinstance(value, list) else [value]
