"""boto3 clients with which the embedded AWS calls its own APIs."""

import threading
from dataclasses import dataclass, field
from typing import Any

import boto3
from botocore.config import Config

ACCOUNT_ID = "123456789012"
_CONFIG = Config(retries={"max_attempts": 0}, read_timeout=300, s3={"addressing_style": "path"})


@dataclass
class Clients:
    """Clients for one endpoint, one for each service and region."""

    endpoint: str
    _clients: dict[tuple[str, str], Any] = field(default_factory=dict)
    # one session: each session parses the endpoints and the service models again
    _session: boto3.Session = field(default_factory=boto3.Session)
    _lock: threading.RLock = field(default_factory=threading.RLock)

    def __call__(self, service: str, region: str) -> Any:
        with self._lock:
            if (service, region) not in self._clients:
                self._clients[service, region] = self._client(service, region, "local", "local")
            return self._clients[service, region]

    def _client(self, service: str, region: str, key_id: str, secret: str, token: str | None = None) -> Any:
        create: Any = self._session.client  # typed by literal names alone
        with self._lock:  # a session is not safe for threads
            return create(
                service,
                region_name=region,
                endpoint_url=self.endpoint,
                aws_access_key_id=key_id,
                aws_secret_access_key=secret,
                aws_session_token=token,
                config=_CONFIG,
            )

    def in_role(self, role_arn: str, service: str, region: str) -> Any:
        """Return a client with the credentials of a role."""
        assumed = self._assume(role_arn, region)
        keys = (assumed["AccessKeyId"], assumed["SecretAccessKey"], assumed["SessionToken"])
        return self._client(service, region, *keys)

    def _assume(self, role_arn: str, region: str) -> dict[str, str]:
        assumed = self("sts", region).assume_role(RoleArn=role_arn, RoleSessionName="local")
        return dict(assumed["Credentials"])

    def role_environment(self, role_arn: str, region: str) -> dict[str, str]:
        """Return the environment of a process with the credentials of a role and this endpoint."""
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
