"""Serve ministack, an AWS emulator that this project did not write, on a free loopback port.

What ministack (requirements/emulator.txt) lacks, what stands in for it here, and what the tests therefore cannot show:

| ministack lacks | stand-in | not shown |
|---|---|---|
| EMR Serverless, the API and the resource type | an application that has an id and runs nothing | runs |
| alarms made of metric math | an alarm that has a name and an ARN | whether these alarms fire |
| CloudFormation's refusal of a changed ServiceToken | the refusal, with AWS's words | nothing: it is refused |
| the batching window of an event source mapping | none: messages are delivered at once | a segment's size |
| the reserved concurrency of a function in a stack | none | the limit of a public address |
| Python 3.13 | none: functions run with this environment's Python | nothing: no test depends on it |

ministack could enforce IAM's policies (AUTH), but the template's buckets refuse requests without TLS, and ministack
serves plain HTTP. tests/e2e/test_permissions.py is about permissions.

The functions below hook into ministack's own modules. The lock pins the version whose modules they fit.

The process prints its endpoint and ends, together with the functions' processes, when its standard input ends.
It must lead a process group. It runs in the environment `emulator`, which has none of this project's packages.
"""

import asyncio
import os
import signal
import socket
import sys
import threading
import uuid
from typing import Any

Properties = dict[str, Any]
Made = tuple[str, dict[str, str]]
ACCOUNT = "000000000000"


def stand_in_for_emr_serverless(handlers: dict[str, Any]) -> None:
    """Register AWS::EMRServerless::Application, whose createOnlyProperties are Name and Type (registry schema)."""

    def create(logical_id: str, properties: Properties, stack: str) -> Made:
        return describe(f"00{uuid.uuid4().hex[:14]}")

    def update(physical_id: str, before: Properties, after: Properties, stack: str) -> Made:
        is_replaced = any(before.get(name) != after.get(name) for name in ("Name", "Type"))
        return create("", after, stack) if is_replaced else describe(physical_id)

    def describe(physical_id: str) -> Made:
        from ministack.core.responses import get_region

        arn = f"arn:aws:emr-serverless:{get_region()}:{ACCOUNT}:/applications/{physical_id}"
        return physical_id, {"ApplicationId": physical_id, "Arn": arn}

    handlers["AWS::EMRServerless::Application"] = {
        "create": create,
        "update": update,
        "delete": lambda physical_id, properties: None,
    }


def stand_in_for_metric_math(provisioners: Any) -> None:
    """Accept AWS::CloudWatch::Alarm with `Metrics`, which ministack refuses."""
    put_alarm = provisioners._cw_metric_alarm_put

    def put(name: str, properties: Properties) -> Made:
        if "Metrics" not in properties:
            return put_alarm(name, properties)
        from ministack.core.responses import get_region

        return name, {"Arn": f"arn:aws:cloudwatch:{get_region()}:{ACCOUNT}:alarm:{name}"}

    provisioners._cw_metric_alarm_put = put


def refuse_a_changed_service_token(provisioners: Any, stacks: Any) -> None:
    """Refuse the update of a custom resource whose ServiceToken changes, as CloudFormation does.

    AWS has no page about this. The message is quoted in aws-cloudformation/cloudformation-coverage-roadmap #802 and
    serverless/serverless #9240. The resource keeps its state, so the rollback does not call its provider.
    """
    other_refusals = provisioners._custom_named_replacement_error

    def refusal(kind: str, before: Properties, after: Properties, physical_id: str | None = None) -> str | None:
        is_custom = kind.startswith("Custom::") or kind == "AWS::CloudFormation::CustomResource"
        if is_custom and before.get("ServiceToken") != after.get("ServiceToken"):
            return "Modifying service token is not allowed."
        return other_refusals(kind, before, after, physical_id)

    provisioners._custom_named_replacement_error = stacks._custom_named_replacement_error = refusal


def end_with_the_input() -> None:
    """Kill this process and the functions' processes, which share its group, when the input ends."""
    sys.stdin.read()
    os.killpg(0, signal.SIGKILL)


def main() -> None:
    """Serve until the input ends."""
    listener = socket.create_server(("127.0.0.1", 0))
    port = listener.getsockname()[1]
    # ministack reads its settings when it is imported
    os.environ |= {"GATEWAY_PORT": str(port), "IOT_MTLS_ENABLED": "0", "SFTP_ENABLED": "0", "LAMBDA_EXECUTOR": "local"}
    from hypercorn.asyncio import serve
    from hypercorn.config import Config
    from ministack.app import app
    from ministack.services.cloudformation import provisioners, stacks

    stand_in_for_emr_serverless(provisioners._RESOURCE_HANDLERS)
    stand_in_for_metric_math(provisioners)
    refuse_a_changed_service_token(provisioners, stacks)
    config = Config()
    config.bind = [f"fd://{listener.detach()}"]
    threading.Thread(target=end_with_the_input, daemon=True).start()
    print(f"http://127.0.0.1:{port}", flush=True)  # connections wait in the listener until the server accepts them
    asyncio.run(serve(app, config))


if __name__ == "__main__":
    main()
