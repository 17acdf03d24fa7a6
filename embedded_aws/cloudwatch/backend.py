"""CloudWatch's API: moto's, with alarms that are evaluated, change their state and notify."""

import json
import logging
from datetime import UTC, datetime
from typing import Any

from botocore.exceptions import ClientError

from embedded_aws.clients import ACCOUNT_ID, Clients
from embedded_aws.cloudwatch.clock import Clock
from embedded_aws.cloudwatch.definitions import AlarmError, rule_of
from embedded_aws.cloudwatch.evaluation import INSUFFICIENT_DATA, Verdict, evaluate
from embedded_aws.cloudwatch.metrics import MetricId, MetricRecord, samples_of
from embedded_aws.cloudwatch.notification import message, subject, timestamp
from embedded_aws.moto_internals.cloudwatch import (
    CloudWatchResponse,
    MotoCloudWatchBackend,
    ValidationError,
    cloudwatch_backends,
)
from embedded_aws.moto_internals.protocols import ActionResult
from embedded_aws.store import Store

_STATE = ("state_value", "state_reason", "state_reason_data", "state_updated_timestamp", "history")
_log = logging.getLogger(__name__)


class CloudWatchBackend(MotoCloudWatchBackend):  # type: ignore[misc]
    """Metrics and alarms of one region."""

    clock: Clock
    clients: Clients
    store: Store
    metric_data: list[Any]

    def __init__(self, region_name: str, account_id: str) -> None:
        super().__init__(region_name, account_id)
        self.record = MetricRecord()

    def put_metric_data(self, namespace: str, metric_data: list[dict[str, Any]]) -> None:
        now = self.clock.now()
        stamped = [{**datum, "Timestamp": _naive(datum.get("Timestamp") or now)} for datum in metric_data]
        self.record_data(namespace, stamped)
        rows = [
            (self.region_name, namespace, _seconds(one["Timestamp"]), json.dumps(one, default=str)) for one in stamped
        ]
        self.store.write_all("INSERT INTO metrics VALUES (?, ?, ?, ?)", rows)

    def record_data(self, namespace: str, data: list[dict[str, Any]]) -> None:
        """Record data, each with a timestamp, without saving them."""
        super().put_metric_data(namespace, data)
        for datum in data:
            metric = MetricId.of(namespace, datum["MetricName"], datum.get("Dimensions") or ())
            for sample in samples_of(datum, datum["Timestamp"]):
                self.record.add(metric, sample)

    def forget(self, before: datetime) -> None:
        """Delete the data from before a moment."""
        self.record.forget(before)
        self.metric_data = [one for one in self.metric_data if one.timestamp >= _naive(before)]
        self.store.write("DELETE FROM metrics WHERE region = ? AND at < ?", self.region_name, before.timestamp())

    def put_metric_alarm(self, name: str, **asked: Any) -> Any:
        """Create or update an alarm. An updated alarm keeps its state and history, as CloudWatch's API documents."""
        previous = self.alarms.get(name)
        alarm = super().put_metric_alarm(name=name, **asked)
        try:
            alarm.evaluated = rule_of(alarm)
        except AlarmError as error:
            self.alarms.pop(name)
            if previous is not None:
                self.alarms[name] = previous
            raise ValidationError(f"The alarm {name} cannot be evaluated: {error}") from error
        alarm.state_value, alarm.state_updated_timestamp = INSUFFICIENT_DATA, _naive(self.clock.now())
        for attribute, value in self._saved_state(name).items():
            setattr(alarm, attribute, value)
        self._save_state(alarm)
        return alarm

    def delete_alarms(self, alarm_names: list[str]) -> None:
        super().delete_alarms(alarm_names)
        rows = [(self.region_name, name) for name in alarm_names]
        self.store.write_all("DELETE FROM alarms WHERE region = ? AND name = ?", rows)

    def _save_state(self, alarm: Any) -> None:
        state = json.dumps({name: getattr(alarm, name) for name in _STATE}, default=lambda moment: moment.isoformat())
        self.store.write("INSERT OR REPLACE INTO alarms VALUES (?, ?, ?)", self.region_name, alarm.name, state)

    def _saved_state(self, name: str) -> dict[str, Any]:
        """Return the saved state of an alarm of this name; empty if there is none."""
        rows = self.store.read("SELECT state FROM alarms WHERE region = ? AND name = ?", self.region_name, name)
        state = json.loads(rows[0][0]) if rows else {}
        for dated in (state, *state.get("history", ())):
            for field in dated.keys() & {"state_updated_timestamp", "Timestamp"}:
                dated[field] = datetime.fromisoformat(dated[field])
        return dict(state)

    def set_alarm_state(self, alarm_name: str, reason: str, reason_data: str, state_value: str) -> None:
        previous = self.alarms[alarm_name].state_value if alarm_name in self.alarms else ""
        super().set_alarm_state(alarm_name, reason, reason_data, state_value)
        if state_value != previous:
            self._act(self.alarms[alarm_name], previous, self.clock.now())

    def evaluate(self, now: datetime) -> dict[str, str]:
        """Evaluate every alarm at a moment, notify of changed states, and return each alarm's state."""
        for alarm in list(self.alarms.values()):
            verdict = evaluate(alarm.evaluated, self.record, now, alarm.state_value)
            if verdict.state != alarm.state_value:
                previous = alarm.state_value
                alarm.update_state(verdict.reason, _reason_data(alarm, verdict, now), verdict.state)
                self._act(alarm, previous, now)
        return {alarm.name: alarm.state_value for alarm in list(self.alarms.values())}

    def _act(self, alarm: Any, previous: str, now: datetime) -> None:
        """Save a change of state, and publish it to the topics of the new state."""
        alarm.state_updated_timestamp = _naive(now)
        alarm.history[-1] = _change(alarm, previous, now)
        self._save_state(alarm)
        _log.info("alarm %s: %s (%s)", alarm.name, alarm.state_value, alarm.state_reason)
        actions = {"OK": alarm.ok_actions, "ALARM": alarm.alarm_actions}
        for arn in actions.get(alarm.state_value, alarm.insufficient_data_actions) if alarm.actions_enabled else ():
            self._publish(arn, alarm, previous, now)

    def _publish(self, arn: str, alarm: Any, previous: str, now: datetime) -> None:
        if ":sns:" not in arn:
            _log.error("alarm %s: the embedded AWS does not support the action %s", alarm.name, arn)
            return
        published = {"Subject": subject(alarm), "Message": message(alarm, previous, now)}
        try:
            self.clients("sns", arn.split(":")[3]).publish(TopicArn=arn, **published)
        except ClientError:  # as on AWS, a missing topic does not stop the evaluation
            _log.exception("alarm %s: could not publish to %s", alarm.name, arn)


def _naive(moment: datetime) -> datetime:
    """Return a moment as moto stores it: naive, in UTC."""
    return moment.astimezone(UTC).replace(tzinfo=None) if moment.tzinfo else moment


def _seconds(moment: datetime) -> float:
    return moment.replace(tzinfo=UTC).timestamp()


def restore_metrics() -> None:
    """Restore the metrics of the last server on this state folder."""
    rows = CloudWatchBackend.store.read("SELECT region, namespace, datum FROM metrics ORDER BY at")
    for region, namespace, text in rows:
        datum = json.loads(text)
        datum["Timestamp"] = datetime.fromisoformat(datum["Timestamp"])
        cloudwatch_backends[ACCOUNT_ID][region].record_data(namespace, [datum])


def _reason_data(alarm: Any, verdict: Verdict, now: datetime) -> str:
    begun = {"startDate": timestamp(verdict.datapoints[0][0])} if verdict.datapoints else {}
    data = {
        "version": "1.0",
        "queryDate": timestamp(now),
        **begun,
        "period": int(alarm.evaluated.period.total_seconds()),
        "recentDatapoints": [value for _, value in verdict.datapoints],
        "threshold": alarm.evaluated.threshold,
    }
    return json.dumps(data)


def _change(alarm: Any, previous: str, now: datetime) -> dict[str, Any]:
    """Return a history item of DescribeAlarmHistory."""
    new = {"stateValue": alarm.state_value, "stateReason": alarm.state_reason}
    data = {"version": "1.0", "oldState": {"stateValue": previous}, "newState": new}
    return {
        "AlarmName": alarm.name,
        "AlarmType": "MetricAlarm",
        "Timestamp": _naive(now),
        "HistoryItemType": "StateUpdate",
        "HistorySummary": f"Alarm updated from {previous} to {alarm.state_value}",
        "HistoryData": json.dumps(data),
    }


def describe_alarm_history(response: CloudWatchResponse) -> ActionResult:
    """Respond to DescribeAlarmHistory, which moto lacks: the changes of state, newest first."""
    asked, kind = response._get_param("AlarmName"), response._get_param("HistoryItemType")
    alarms = [one for one in response.cloudwatch_backend.alarms.values() if not asked or one.name == asked]
    items = [item for alarm in alarms for item in alarm.history if kind in (None, item["HistoryItemType"])]
    return ActionResult({"AlarmHistoryItems": sorted(items, key=lambda item: item["Timestamp"], reverse=True)})


def describe_alarms(response: CloudWatchResponse) -> ActionResult:
    """Respond to DescribeAlarms with all filters combined; moto applies the first one only."""
    names, prefix = response._get_param("AlarmNames", []), response._get_param("AlarmNamePrefix") or ""
    state, action = response._get_param("StateValue"), response._get_param("ActionPrefix") or ""
    found = [
        alarm
        for alarm in response.cloudwatch_backend.alarms.values()
        if alarm.name.startswith(prefix)
        and (not names or alarm.name in names)
        and state in (None, alarm.state_value)
        and (not action or any(one.startswith(action) for one in alarm.alarm_actions))
    ]
    return ActionResult({"MetricAlarms": found, "CompositeAlarms": []})
