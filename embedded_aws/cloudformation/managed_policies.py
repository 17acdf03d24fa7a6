"""AWS's managed policies, from moto's copy of them."""

import json
from functools import lru_cache
from typing import Any


@lru_cache
def _policies() -> dict[str, Any]:
    from embedded_aws.moto_internals.iam import aws_managed_policies_data  # a megabyte of JSON in a module

    return dict(json.loads(aws_managed_policies_data))


@lru_cache
def managed_policies() -> dict[str, str]:
    """Return the ARN of each managed policy by its name."""
    return {name: "arn:aws:iam::aws:policy" + policy.get("Path", "/") + name for name, policy in _policies().items()}


def managed_policy_document(name: str) -> dict[str, Any]:
    """Return the document of a managed policy."""
    return dict(_policies()[name]["Document"])
