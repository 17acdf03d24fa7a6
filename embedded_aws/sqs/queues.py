"""SQS: moto's, with bulk receives for event source mappings, and messages that survive a restart."""

import json
from copy import copy
from datetime import UTC, datetime
from typing import Any

from embedded_aws.clients import ACCOUNT_ID
from embedded_aws.cloudwatch.clock import Clock
from embedded_aws.moto_internals.sqs import Message, Queue, SQSBackend, sqs_backends
from embedded_aws.store import Store

_KEPT = ("id", "body", "message_attributes", "sent_timestamp", "group_id", "deduplication_id", "system_attributes")


class ServedQueue(Queue):  # type: ignore[misc]
    """A queue that writes its messages to the store, and receives and deletes them in bulk.

    moto's receive makes deep copies, and its delete searches the whole queue for every message.
    """

    store: Store
    clock: Clock
    _messages: list[Any]

    def add_message(self, message: Any) -> None:
        message.sent_at = self.clock.shifted(datetime.fromtimestamp(message.sent_timestamp / 1000, UTC))
        described = json.dumps({name: getattr(message, name) for name in _KEPT}, default=_hex)
        row = (message.id, self.region, self.name, described)
        self.store.write("INSERT OR REPLACE INTO messages VALUES (?, ?, ?, ?)", *row)
        super().add_message(message)

    def oldest_sent_at(self) -> datetime | None:
        """Return when the oldest message was sent, by CloudWatch's clock; None if the queue is empty."""
        return min((message.sent_at for message in list(self._messages)), default=None)

    def delete_message(self, receipt_handle: str) -> None:
        found = [one for one in self._messages if one.had_receipt_handle(receipt_handle)]
        super().delete_message(receipt_handle)
        self._forget(found)

    def receive(self, count: int) -> list[Any]:
        """Receive up to `count` messages; move those that reached maxReceiveCount to the dead-letter queue."""
        with self._messages_lock:
            visible = self.messages
            for message in [one for one in visible if self._exceeds_receives(one)]:
                self._messages.remove(message)
                self.dead_letter_queue.add_message(message)
            taken = [one for one in visible if not self._exceeds_receives(one)][:count]
            for message in taken:
                self.pending_messages.add(message)
                message.mark_received(visibility_timeout=self.visibility_timeout)
            return [copy(message) for message in taken]

    def _exceeds_receives(self, message: Any) -> bool:
        if self.dead_letter_queue is None or not self.redrive_policy:
            return False
        return bool(message.approximate_receive_count >= self.redrive_policy["maxReceiveCount"])

    def delete_received(self, handles: set[str]) -> None:
        """Delete every message that was received with one of these receipt handles."""
        with self._messages_lock:
            gone = [message for message in self._messages if handles & set(message.all_receipt_handles)]
            away = {id(message) for message in gone}
            self.pending_messages.difference_update(gone)
            self._messages = [message for message in self._messages if id(message) not in away]
            for message in gone:
                self.deleted_messages.update(message.all_receipt_handles)
        self._forget(gone)

    def _forget(self, messages: list[Any]) -> None:
        self.store.write_all("DELETE FROM messages WHERE id = ?", [(message.id,) for message in messages])


class QueueBackend(SQSBackend):  # type: ignore[misc]
    """Queues whose purge and deletion also delete the stored messages."""

    def purge_queue(self, queue_name: str) -> None:
        super().purge_queue(queue_name)
        ServedQueue.store.write("DELETE FROM messages WHERE queue = ?", queue_name)

    def delete_queue(self, queue_name: str) -> None:
        super().delete_queue(queue_name)
        ServedQueue.store.write("DELETE FROM messages WHERE queue = ?", queue_name)


def restore_messages() -> None:
    """Restore every message, visible; its receive count starts at zero."""
    rows = ServedQueue.store.read("SELECT region, queue, described FROM messages ORDER BY rowid")
    for region, name, text in rows:
        described = json.loads(text)
        message = Message(described["id"], described["body"], described["system_attributes"])
        vars(message).update(described)
        backend = sqs_backends[ACCOUNT_ID][region]
        queue = backend.queues.get(name) or backend.create_queue(name)
        queue.add_message(message)


def _hex(value: Any) -> str:
    return bytes(value).hex()
