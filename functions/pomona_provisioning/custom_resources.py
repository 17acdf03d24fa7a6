"""Answer CloudFormation's requests for custom resources; without an answer the stack would wait for an hour."""

import json
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from aws_lambda_powertools import Logger

logger = Logger()
Request = Mapping[str, Any]
NOTHING_MADE = "none"
"""The physical id of a creation that failed; CloudFormation then asks to delete it."""


@dataclass(frozen=True)
class Resource:
    """The result of a request: the physical id, and the attributes for Fn::GetAtt."""

    physical_id: str
    attributes: Mapping[str, str] = field(default_factory=dict)


def answer(request: Request, work: Callable[[Request], Resource]) -> None:
    """Carry out `work` for the request and send SUCCESS, or FAILED with the error's text, to its ResponseURL."""
    try:
        resource = work(request)
    except Exception as error:
        # CloudFormation must be told of every error: it shows the reason and rolls back
        logger.exception("the custom resource failed")
        failed = Resource(request.get("PhysicalResourceId", NOTHING_MADE))
        _send(request, {"Status": "FAILED", "Reason": f"{type(error).__name__}: {error}"}, failed)
    else:
        _send(request, {"Status": "SUCCESS"}, resource)


def _send(request: Request, outcome: dict[str, str], resource: Resource) -> None:
    echoed = {name: request[name] for name in ("StackId", "RequestId", "LogicalResourceId")}
    body = {**outcome, **echoed, "PhysicalResourceId": resource.physical_id, "Data": dict(resource.attributes)}
    # the signature of the presigned URL covers an empty content type
    put = urllib.request.Request(  # noqa: S310 - the address is CloudFormation's own
        request["ResponseURL"], json.dumps(body).encode(), {"Content-Type": ""}, method="PUT"
    )
    with urllib.request.urlopen(put, timeout=30):  # noqa: S310
        logger.info("answered CloudFormation", status=outcome["Status"], physical_id=resource.physical_id)
