"""An AWS that is served at an endpoint, whoever serves it, and what the tests ask of it."""

import json
from collections.abc import Iterator
from typing import Any

import boto3

REGION = "eu-west-3"


class ServedAws:
    """Clients for the endpoint, and short forms of frequent questions."""

    def __init__(self, endpoint: str) -> None:
        self.endpoint = endpoint
        self._clients: dict[str, Any] = {}

    def client(self, service: str) -> Any:
        if service not in self._clients:
            session = boto3.Session("test", "test", region_name=REGION)
            self._clients[service] = session.client(service, endpoint_url=self.endpoint)
        return self._clients[service]

    def has_stack(self, name: str) -> bool:
        """Return True if CloudFormation lists a stack of this name, on whichever page."""
        pages = self.client("cloudformation").get_paginator("describe_stacks").paginate()
        return any(stack["StackName"] == name for page in pages for stack in page["Stacks"])

    def status(self, stack: str) -> str:
        return str(self.client("cloudformation").describe_stacks(StackName=stack)["Stacks"][0]["StackStatus"])

    def outputs(self, stack: str) -> dict[str, str]:
        described = self.client("cloudformation").describe_stacks(StackName=stack)["Stacks"][0]
        return {output["OutputKey"]: output["OutputValue"] for output in described.get("Outputs", [])}

    def reasons(self, stack: str) -> str:
        return " ".join(event.get("ResourceStatusReason", "") for event in self.events(stack))

    def events(self, stack: str) -> Iterator[dict[str, Any]]:
        """The newest first."""
        pages = self.client("cloudformation").get_paginator("describe_stack_events").paginate(StackName=stack)
        return (event for page in pages for event in page["StackEvents"])

    def keys(self, bucket: str, prefix: str = "") -> list[str]:
        listed = self.client("s3").list_objects_v2(Bucket=bucket, Prefix=prefix)
        return [entry["Key"] for entry in listed.get("Contents", [])]

    def read(self, bucket: str, key: str) -> Any:
        return json.loads(self.client("s3").get_object(Bucket=bucket, Key=key)["Body"].read())
