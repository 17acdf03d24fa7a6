"""What Lambda tells a destination of an asynchronous invocation.

After Lambda's guide, "Retaining records of asynchronous invocations". A destination may be a function here, no queue,
topic or bus.
"""

import json
import uuid
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from embedded_aws.lambda_service.runtime import InvocationResult

SUCCESS, FAILURE = "Success", "RetriesExhausted"
_CONDITIONS = {"OnSuccess": SUCCESS, "OnFailure": FAILURE}


def destinations(config: Mapping[str, Any]) -> dict[str, str]:
    """Return the ARN of the destination for each condition of an EventInvokeConfig."""
    asked = config.get("DestinationConfig") or {}
    return {
        condition: asked[kind]["Destination"]
        for kind, condition in _CONDITIONS.items()
        if (asked.get(kind) or {}).get("Destination")
    }


def condition(result: InvocationResult) -> str:
    """Return how the invocation ended, in the word that selects the destination."""
    return FAILURE if result.failed else SUCCESS


def destination_event(function: Any, event: Any, result: InvocationResult) -> dict[str, Any]:
    """Return the event for the destination. `function` is moto's LambdaFunction."""
    response = {"statusCode": 200, "executedVersion": str(function.version)}
    return {
        "version": "1.0",
        "timestamp": datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "requestContext": {
            "requestId": str(uuid.uuid4()),
            "functionArn": f"{function.function_arn}:{function.version}",
            "condition": condition(result),
            "approximateInvokeCount": 1,
        },
        "requestPayload": event,
        "responseContext": response | ({"functionError": "Unhandled"} if result.failed else {}),
        "responsePayload": json.loads(result.payload or b"null"),
    }
