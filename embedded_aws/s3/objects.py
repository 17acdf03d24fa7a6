"""S3: moto's, with objects that survive a restart (of a versioned bucket: the latest version)."""

import json
import threading
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from embedded_aws.moto_internals.iam import PermissionResult
from embedded_aws.moto_internals.s3 import FakeBucket, FakeDeleteMarker, FakeKey, S3NotificationEvent, send_event
from embedded_aws.s3.bucket_settings import SettingsBackend

_lock = threading.Lock()
_DELETED = {
    True: S3NotificationEvent.OBJECT_REMOVED_DELETE_MARKER_CREATED_EVENT,
    False: S3NotificationEvent.OBJECT_REMOVED_DELETE_EVENT,
}


class StoredKey(FakeKey):  # type: ignore[misc]
    """An object whose metadata is written to the store too. moto sets it after it has created the object."""

    def set_metadata(self, metadata: Any, replace: bool = False) -> None:
        super().set_metadata(metadata, replace)
        ObjectBackend.store.write(
            "UPDATE objects SET described = ? WHERE bucket = ? AND key = ?",
            _describe(self),
            self.bucket_name,
            self.name,
        )


class OpenBucket(FakeBucket):  # type: ignore[misc]
    """A bucket whose policy is not enforced: moto ignores conditions, so that 'deny without TLS' would deny all."""

    def get_permission(self, action: str, resource: str) -> Any:
        return PermissionResult.NEUTRAL


class ObjectBackend(SettingsBackend):
    """Buckets and objects, written to the store before the client gets its response."""

    @property
    def url_paths(self) -> dict[str, Any]:
        """moto's routes, extended to keys with line breaks, which S3 allows."""
        paths = super().url_paths.items()
        return {path.replace(".+", r"[\s\S]+").replace(".*", r"[\s\S]*"): dispatch for path, dispatch in paths}

    def create_bucket(self, bucket_name: str, region_name: str, *rest: Any, **options: Any) -> Any:
        bucket = super().create_bucket(bucket_name, region_name, *rest, **options)
        self.store.write("INSERT OR REPLACE INTO buckets VALUES (?, ?)", bucket_name, region_name)
        return bucket

    def delete_bucket(self, bucket_name: str) -> Any:
        bucket = super().delete_bucket(bucket_name)
        if bucket is not None:
            self.store.write("DELETE FROM buckets WHERE name = ?", bucket_name)
        return bucket

    def put_object(self, bucket_name: str, key_name: str, *rest: Any, **options: Any) -> Any:
        key = super().put_object(bucket_name, key_name, *rest, **options)
        self._save(bucket_name, key_name)
        return key

    def delete_object(self, bucket_name: str, key_name: str, *rest: Any, **options: Any) -> Any:
        before = self.get_bucket(bucket_name).keys.get(key_name)
        answer = super().delete_object(bucket_name, key_name, *rest, **options)
        self._save(bucket_name, key_name)
        self._notify_of_deletion(bucket_name, before)
        return answer

    def _notify_of_deletion(self, bucket: str, before: Any) -> None:
        """Send the event for an object whose older versions remain: moto only sends it for the last version."""
        after = self.buckets[bucket].keys.get(before.name) if before else None
        if isinstance(before, FakeKey) and after is not None and after is not before:
            send_event(self.account_id, _DELETED[isinstance(after, FakeDeleteMarker)], self.buckets[bucket], before)

    def _save(self, bucket: str, name: str) -> None:
        """Write the current object. Two threads that race for a key both write the last state."""
        with _lock:
            key = self.buckets[bucket].keys.get(name)
            if isinstance(key, FakeKey):
                self.store.write_together(
                    ("INSERT OR REPLACE INTO bodies VALUES (?, ?, ?)", (bucket, name, key.value)),
                    ("INSERT OR REPLACE INTO objects VALUES (?, ?, ?)", (bucket, name, _describe(key))),
                )
            else:
                self.store.write_together(
                    ("DELETE FROM objects WHERE bucket = ? AND key = ?", (bucket, name)),
                    ("DELETE FROM bodies WHERE bucket = ? AND key = ?", (bucket, name)),
                )

    def restore(self) -> None:
        """Restore the buckets and objects of the store, without notifications."""
        for name, region in self.store.read("SELECT name, region FROM buckets"):
            super().create_bucket(name, region)
        self.restore_settings()
        for bucket, name, described in self.store.read("SELECT bucket, key, described FROM objects"):
            self._restore_object(bucket, name, json.loads(described))

    def _restore_object(self, bucket: str, name: str, described: dict[str, Any]) -> None:
        rows = self.store.read("SELECT body FROM bodies WHERE bucket = ? AND key = ?", bucket, name)
        key = super().put_object(bucket, name, rows[0][0], etag=described["etag"], disable_notification=True)
        key.set_storage_class(described.get("storage_class"))
        key.last_modified = datetime.fromisoformat(described["last_modified"])
        key.set_metadata(described["metadata"])


def _describe(key: Any) -> str:
    described = {
        "etag": key.etag.strip('"'),
        "last_modified": key.last_modified.isoformat(),
        "storage_class": key.storage_class,
        "metadata": dict(_strings(key.metadata.items())),
    }
    return json.dumps(described)


def _strings(items: Any) -> Iterator[tuple[str, str]]:
    for name, value in items:
        yield str(name), str(value)
