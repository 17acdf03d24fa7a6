"""EventBridge: deliver the default bus's events to the functions and queues that the rules name."""

import json
import logging
from datetime import UTC, datetime
from typing import Any

from embedded_aws.clients import ACCOUNT_ID
from embedded_aws.moto_internals.events import Rule, events_backends
from embedded_aws.moto_internals.lambda_service import lambda_backends
from embedded_aws.moto_internals.protocols import utcfromtimestamp

_log = logging.getLogger(__name__)


class DeliveringRule(Rule):  # type: ignore[misc]
    """A rule that delivers to functions too. moto's delivers to queues and log groups only."""

    def send_to_targets(self, original_event: Any, transform_input: bool = True) -> None:
        if self.state != "ENABLED" or not self.event_pattern.get_pattern():
            return
        if not self.event_pattern.matches_event(original_event):
            return
        event = {**original_event, "time": _iso(original_event["time"])}
        event.pop("ingestion-time", None)
        for target in self.targets:
            if ":lambda:" in target["Arn"]:
                invoke_later(target["Arn"], _input(target, event))
            elif ":sqs:" in target["Arn"]:
                self._send_to_sqs_queue(target["Arn"].rpartition(":")[2], _input(target, event))
            else:
                _log.error("rule %s: the embedded AWS does not deliver to %s", self.name, target["Arn"])


def _iso(moment: Any) -> str:
    return utcfromtimestamp(moment).strftime("%Y-%m-%dT%H:%M:%SZ") if isinstance(moment, int | float) else str(moment)


def _input(target: dict[str, Any], event: dict[str, Any]) -> Any:
    return json.loads(target["Input"]) if target.get("Input") else event


def invoke_later(arn: str, event: Any) -> None:
    """Invoke a function asynchronously, as AWS's services do."""
    backend = lambda_backends[ACCOUNT_ID][arn.split(":")[3]]
    backend.invoke_later(backend.get_function(arn), event)


def publish(region: str, source: str, detail_type: str, detail: dict[str, Any]) -> None:
    """Put an event of an AWS service on the default bus."""
    event = {"Source": source, "DetailType": detail_type, "Detail": json.dumps(detail), "Resources": []}
    events_backends[ACCOUNT_ID][region].put_events([event])


def scheduled_event(rule: Any) -> dict[str, Any]:
    """Return the event that a rule with a schedule sends."""
    return {
        "version": "0",
        "id": f"{rule.name}-{datetime.now(UTC).timestamp()}",
        "detail-type": "Scheduled Event",
        "source": "aws.events",
        "account": ACCOUNT_ID,
        "time": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "region": rule.region_name,
        "resources": [rule.arn],
        "detail": {},
    }


def fire_rule(rule: Any) -> None:
    """Send a scheduled rule's event to its functions now."""
    for target in rule.targets:
        invoke_later(target["Arn"], _input(target, scheduled_event(rule)))
