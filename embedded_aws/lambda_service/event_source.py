"""An SQS event source mapping: batches by size and window, and partial batch failures, as on Lambda."""

import json
import logging
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from embedded_aws.lambda_service.runtime import InvocationResult

_PAYLOAD_LIMIT_BYTES = 6 * 1024 * 1024
_ENVELOPE_BYTES = 700  # a record without its body
_POLL_SECONDS = 0.1
_log = logging.getLogger(__name__)


class EventSource:
    """Polls one queue for one function."""

    def __init__(self, mapping: Any, queue: Any, invoke: Callable[[str, Any], InvocationResult]) -> None:
        self._queue = queue
        self._function = mapping.function_name
        self._batch_size = int(mapping.batch_size)
        self._window_seconds = float(mapping.max_batch_window or 0)
        self._reports_failures = "ReportBatchItemFailures" in (mapping.function_response_types or [])
        self._region = mapping.region
        self._invoke = invoke
        self._stopped = threading.Event()
        workers = int((mapping.scaling_config or {}).get("MaximumConcurrency", 2))
        self._workers = ThreadPoolExecutor(max_workers=min(workers, 4))
        self._held: list[Any] = []

    def stop(self) -> None:
        """Receive no further messages; batches in flight finish."""
        self._stopped.set()

    def run(self) -> None:
        """Deliver batches until stopped."""
        while not self._stopped.is_set():
            if batch := self._gather():
                self._workers.submit(self._deliver, batch)

    def _gather(self) -> list[Any]:
        """Return the next batch: full, or closed when the batching window since its first message has passed."""
        batch = _take(self._held, [], self._batch_size)
        deadline = time.monotonic() + self._window_seconds if batch else None
        while not self._stopped.is_set() and not self._held and len(batch) < self._batch_size:
            self._held = self._receive(self._batch_size - len(batch))
            if self._held and deadline is None:
                deadline = time.monotonic() + self._window_seconds
            batch = _take(self._held, batch, self._batch_size)
            if deadline is not None and time.monotonic() >= deadline:
                break
            self._stopped.wait(_POLL_SECONDS)
        return batch

    def _receive(self, count: int) -> list[Any]:
        return list(self._queue.receive(count))

    def _deliver(self, batch: list[Any]) -> None:
        """Invoke the function with a batch. After any error its messages become visible again with their timeout."""
        try:
            self._call(batch)
        except Exception:
            _log.exception("a batch of %d messages could not be delivered to %s", len(batch), self._function)

    def _call(self, batch: list[Any]) -> None:
        event = {"Records": [self._record(message) for message in batch]}
        invocation = self._invoke(self._function, event)
        kept = _kept(invocation, {message.id for message in batch}, self._reports_failures)
        self._queue.delete_received({message.receipt_handle for message in batch if message.id not in kept})

    def _record(self, message: Any) -> dict[str, Any]:
        return {
            "messageId": message.id,
            "receiptHandle": message.receipt_handle,
            "body": message.body,
            "attributes": {
                "ApproximateReceiveCount": str(message.approximate_receive_count),
                "SentTimestamp": str(message.sent_timestamp),
                "SenderId": str(message.sender_id),
                "ApproximateFirstReceiveTimestamp": str(message.approximate_first_receive_timestamp),
            },
            "messageAttributes": _attributes(message.message_attributes),
            "md5OfBody": message.body_md5,
            "eventSource": "aws:sqs",
            "eventSourceARN": self._queue.queue_arn,
            "awsRegion": self._region,
        }


def _attributes(attributes: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    return {
        name: {key[0].lower() + key[1:]: value for key, value in attribute.items()}
        for name, attribute in attributes.items()
    }


def _take(held: list[Any], batch: list[Any], limit: int) -> list[Any]:
    """Move messages from `held` to the batch, up to `limit` messages and the payload limit."""
    size = sum(_size(message) for message in batch)
    taken = list(batch)
    while held and len(taken) < limit and (not taken or size + _size(held[0]) <= _PAYLOAD_LIMIT_BYTES):
        size += _size(held[0])
        taken.append(held.pop(0))
    return taken


def _size(message: Any) -> int:
    return len(json.dumps(message.body)) + _ENVELOPE_BYTES


def _kept(invocation: InvocationResult, ids: set[str], reports_failures: bool) -> set[str]:
    """Return the ids that stay in the queue: all if the function failed or reported an id that is not in the batch."""
    if invocation.failed:
        return ids
    answer = json.loads(invocation.payload)
    if not reports_failures or not answer:
        return set()
    failures = answer.get("batchItemFailures") or [] if isinstance(answer, dict) else [None]
    named = {str(item.get("itemIdentifier")) if isinstance(item, dict) else "" for item in failures}
    return named if named <= ids else ids
