"""Bucket settings that survive a restart: a custom resource creates them once, and no redeployment repeats it."""

import json
from collections.abc import Callable
from itertools import combinations
from typing import Any

from embedded_aws.moto_internals.s3 import NotificationConfiguration, S3Backend, S3ClientError
from embedded_aws.store import Store


class OverlappingConfigurationsError(S3ClientError):  # type: ignore[misc]
    """S3's response to two notifications for the same event."""

    code = 400

    def __init__(self) -> None:
        super().__init__(
            "InvalidArgument",
            "Configurations overlap. Configurations on the same bucket cannot share a common event type.",
        )


def refuse_overlaps(configuration: dict[str, Any]) -> None:
    """Raise for two notifications that would both receive one event, as S3 does and moto does not."""
    kinds = ("QueueConfiguration", "TopicConfiguration", "CloudFunctionConfiguration")
    every = [one for kind in kinds for one in configuration.get(kind) or ()]
    for one, other in combinations(every, 2):
        prefixes, suffixes = ((_rule(one, name), _rule(other, name)) for name in ("prefix", "suffix"))
        if (
            (prefixes[0].startswith(prefixes[1]) or prefixes[1].startswith(prefixes[0]))
            and (suffixes[0].endswith(suffixes[1]) or suffixes[1].endswith(suffixes[0]))
            and any(_same_events(mine, theirs) for mine in one["Event"] for theirs in other["Event"])
        ):
            raise OverlappingConfigurationsError


def _rule(configuration: dict[str, Any], name: str) -> str:
    rules = ((configuration.get("Filter") or {}).get("S3Key") or {}).get("FilterRule") or ()
    return next((str(rule["Value"] or "") for rule in rules if rule["Name"] == name), "")


def _same_events(mine: str, theirs: str) -> bool:
    return mine.removesuffix("*").startswith(theirs.removesuffix("*")) or theirs.removesuffix("*").startswith(
        mine.removesuffix("*")
    )


class SettingsBackend(S3Backend):  # type: ignore[misc]
    """Buckets whose settings are written to the store before the client gets its response."""

    store: Store

    def put_bucket_notification_configuration(self, bucket_name: str, notification_config: dict[str, Any]) -> None:
        refuse_overlaps(notification_config)
        super().put_bucket_notification_configuration(bucket_name, notification_config)
        self._save_setting("notification", bucket_name, notification_config)

    def put_bucket_policy(self, bucket_name: str, policy: bytes) -> None:
        super().put_bucket_policy(bucket_name, policy)
        self._save_setting("policy", bucket_name, policy.decode())

    def put_bucket_encryption(self, bucket_name: str, encryption: dict[str, Any]) -> None:
        super().put_bucket_encryption(bucket_name, encryption)
        self._save_setting("encryption", bucket_name, encryption)

    def put_bucket_lifecycle_configuration(self, bucket_name: str, rules: list[dict[str, Any]]) -> None:
        super().put_bucket_lifecycle_configuration(bucket_name, rules)
        self._save_setting("lifecycle", bucket_name, rules)

    def put_bucket_versioning(self, bucket_name: str, status: str) -> None:
        super().put_bucket_versioning(bucket_name, status)
        self._save_setting("versioning", bucket_name, status)

    def put_public_access_block(self, bucket_name: str, pub_block_config: dict[str, Any] | None) -> None:
        super().put_public_access_block(bucket_name, pub_block_config)
        self._save_setting("public access", bucket_name, pub_block_config)

    def put_bucket_logging(self, bucket_name: str, logging_config: dict[str, Any]) -> None:
        super().put_bucket_logging(bucket_name, logging_config)
        self._save_setting("logging", bucket_name, logging_config)

    def delete_bucket(self, bucket_name: str) -> Any:
        bucket = super().delete_bucket(bucket_name)
        if bucket is not None:
            self.store.write("DELETE FROM bucket_settings WHERE bucket = ?", bucket_name)
        return bucket

    def restore_settings(self) -> None:
        """Bring every setting back; the buckets must be there."""
        put: dict[str, Callable[[str, Any], None]] = {
            "notification": self._restore_notification,
            "policy": lambda bucket, policy: super(SettingsBackend, self).put_bucket_policy(bucket, policy.encode()),
            "encryption": super().put_bucket_encryption,
            "lifecycle": super().put_bucket_lifecycle_configuration,
            "versioning": super().put_bucket_versioning,
            "public access": super().put_public_access_block,
            "logging": super().put_bucket_logging,
        }
        for bucket, setting, value in self.store.read("SELECT bucket, setting, value FROM bucket_settings"):
            put[setting](bucket, json.loads(value))

    def _restore_notification(self, bucket: str, configuration: dict[str, Any]) -> None:
        """Restore it without S3's test event, because its queue does not exist yet."""
        self.get_bucket(bucket).notification_configuration = NotificationConfiguration(
            topic=configuration.get("TopicConfiguration"),
            queue=configuration.get("QueueConfiguration"),
            cloud_function=configuration.get("CloudFunctionConfiguration"),
            event_bridge=configuration.get("EventBridgeConfiguration"),
        )

    def _save_setting(self, setting: str, bucket: str, value: Any) -> None:
        row = (bucket, setting, json.dumps(value))
        self.store.write("INSERT OR REPLACE INTO bucket_settings VALUES (?, ?, ?)", *row)
