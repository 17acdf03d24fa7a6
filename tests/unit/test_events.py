"""events/: a sample for every function, and a function for every sample, so that `make local ALL=1` leaves none out."""

import json
from pathlib import Path

from demo.invoke import every_pair
from embedded_aws.cloudformation.templates import parse_template

ROOT = Path(__file__).resolve().parents[2]
RESOURCES = parse_template((ROOT / "template.yaml").read_text())["Resources"]
FUNCTIONS = {name for name, body in RESOURCES.items() if body["Type"] == "AWS::Serverless::Function"}


def test_every_event_has_its_function_and_every_function_an_event() -> None:
    assert {pair.function for pair in every_pair()} == FUNCTIONS


def test_requests_of_cloudformation_are_of_resources_that_the_template_has() -> None:
    requests = [event for pair in every_pair() if "RequestType" in (event := json.loads(pair.event.read_text()))]
    assert len(requests) >= 11
    for request in requests:
        resource = RESOURCES[request["LogicalResourceId"]]
        assert request["ResourceType"] == resource["Type"]
        assert set(request["ResourceProperties"]) <= set(resource["Properties"])
