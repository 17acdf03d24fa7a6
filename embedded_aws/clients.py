"""boto3 clients of the embedded AWS itself: its own parts speak to it as anybody else does."""

import threading
from dataclasses import dataclass, field
from typing import Any

import boto3
from botocore.config import Config

ACCOUNT_ID = "123456789012"
_CONFIG = Config(retries={"max_attempts": 0}, read_timeout=300, s3={"addressing_style": "path"})


@dataclass
class Clients:
    """Clients for one endpoint, made once for each service and region."""

    endpoint: str
    _made: dict[tuple[str, str], Any] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __call__(self, service: str, region: str) -> Any:
        with self._lock:
            if (service, region) not in self._made:
                self._made[service, region] = self._make(service, region)
            return self._made[service, region]

    def _make(self, service: str, region: str) -> Any:
        return self._client(boto3.Session("local", "local", region_name=region), service)

    def _client(self, session: boto3.Session, service: str) -> Any:
        return session.client(service, endpoint_url=self.endpoint, config=_CONFIG)  # type: ignore[call-overload]

    def in_role(self, role_arn: str, service: str, region: str) -> Any:
        """A client that may do what the role may."""
        assumed = self._assume(role_arn, region)
        keys = (assumed["AccessKeyId"], assumed["SecretAccessKey"], assumed["SessionToken"])
        return self._client(boto3.Session(*keys, region_name=region), service)

    def _assume(self, role_arn: str, region: str) -> dict[str, str]:
        assumed = self("sts", region).assume_role(RoleArn=role_arn, RoleSessionName="local")
        return dict(assumed["Credentials"])

    def role_environment(self, role_arn: str, region: str) -> dict[str, str]:
        """The environment of a process that works in this role against this endpoint."""
        assumed = self._assume(role_arn, region)
        return {
            "AWS_ACCESS_KEY_ID": assumed["AccessKeyId"],
            "AWS_SECRET_ACCESS_KEY": assumed["SecretAccessKey"],
            "AWS_SESSION_TOKEN": assumed["SessionToken"],
            "AWS_REGION": region,
            "AWS_DEFAULT_REGION": region,
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_EC2_METADATA_DISABLED": "true",
        }
