"""A request to one of AWS's APIs."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl


@dataclass(frozen=True)
class ApiRequest:
    """A request as it was received, its path decoded."""

    service: str  # as it was signed for: s3, glue, emr-serverless …
    region: str
    method: str
    path: str
    query: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)  # names in lower case
    body: bytes = b""

    @property
    def document(self) -> dict[str, Any]:
        """The body of a JSON protocol."""
        return dict(json.loads(self.body or b"{}"))

    @property
    def operation(self) -> str:
        """The operation's name where the protocol carries it; empty in a REST protocol."""
        if target := self.headers.get("x-amz-target"):
            return target.rpartition(".")[2]
        if rpc := re.fullmatch(r"/service/\w+/operation/(\w+)", self.path):
            return rpc[1]
        return dict(parse_qsl(self.body.decode("utf-8", "replace"))).get("Action", "")
