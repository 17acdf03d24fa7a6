"""S3 as moto has it, whose objects outlive the process (of a versioned bucket: the latest version)."""

import json
import threading
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from moto.iam.access_control import PermissionResult
from moto.s3 import models
from moto.s3.notifications import S3NotificationEvent, send_event

from embedded_aws.s3.bucket_settings import SettingsBackend

_lock = threading.Lock()
_DELETED = {
    True: S3NotificationEvent.OBJECT_REMOVED_DELETE_MARKER_CREATED_EVENT,
    False: S3NotificationEvent.OBJECT_REMOVED_DELETE_EVENT,
}


class StoredKey(models.FakeKey):  # type: ignore[misc]
    """An object whose metadata, which moto sets after the object is there, is written through as well."""

    def set_metadata(self, metadata: Any, replace: bool = False) -> None:
        super().set_metadata(metadata, replace)
        ObjectBackend.store.write(
            "UPDATE objects SET described = ? WHERE bucket = ? AND key = ?",
            _describe(self),
            self.bucket_name,
            self.name,
        )


class OpenBucket(models.FakeBucket):  # type: ignore[misc]
    """A bucket whose policy is kept, not enforced: moto reads no conditions, and 'deny without TLS' would deny all."""

    def get_permission(self, action: str, resource: str) -> Any:
        return PermissionResult.NEUTRAL


class ObjectBackend(SettingsBackend):
    """Buckets and objects, written to the store before the client is answered."""

    @property
    def url_paths(self) -> dict[str, Any]:
        """Where requests are routed: moto's patterns, for keys that hold line breaks as well, as S3's may."""
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
        self._keep(bucket_name, key_name)
        return key

    def delete_object(self, bucket_name: str, key_name: str, *rest: Any, **options: Any) -> Any:
        before = self.get_bucket(bucket_name).keys.get(key_name)
        answer = super().delete_object(bucket_name, key_name, *rest, **options)
        self._keep(bucket_name, key_name)
        self._tell_of_deletion(bucket_name, before)
        return answer

    def _tell_of_deletion(self, bucket: str, before: Any) -> None:
        """Of an object that is there no more though versions of it are: moto tells of the last version alone."""
        after = self.buckets[bucket].keys.get(before.name) if before else None
        if isinstance(before, models.FakeKey) and after is not None and after is not before:
            send_event(
                self.account_id, _DELETED[isinstance(after, models.FakeDeleteMarker)], self.buckets[bucket], before
            )

    def _keep(self, bucket: str, name: str) -> None:
        """Write what is there now: whoever comes second in a race writes the same."""
        with _lock:
            key = self.buckets[bucket].keys.get(name)
            if isinstance(key, models.FakeKey):
                row = (bucket, name, _describe(key), key.value)
                self.store.write("INSERT OR REPLACE INTO objects VALUES (?, ?, ?, ?)", *row)
            else:
                self.store.write("DELETE FROM objects WHERE bucket = ? AND key = ?", bucket, name)

    def restore(self) -> None:
        """Bring the buckets and objects of the store back, without telling anybody."""
        for name, region in self.store.read("SELECT name, region FROM buckets"):
            super().create_bucket(name, region)
        self.restore_settings()
        for bucket, name, described in self.store.read("SELECT bucket, key, described FROM objects"):
            self._restore_object(bucket, name, json.loads(described))

    def _restore_object(self, bucket: str, name: str, described: dict[str, Any]) -> None:
        rows = self.store.read("SELECT body FROM objects WHERE bucket = ? AND key = ?", bucket, name)
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
