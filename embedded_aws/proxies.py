"""Exempt the embedded AWS from the machine's proxy, which cannot reach a loopback address."""

import os
import shlex
from collections.abc import Mapping, MutableMapping

LOOPBACK = ("localhost", "127.0.0.1", "::1")
# programs read one or the other, and Python prefers the second
_EXEMPTIONS = ("NO_PROXY", "no_proxy")


def exempt_from_proxies(host: str, environment: MutableMapping[str, str] = os.environ) -> None:
    """Add the host and the loopback addresses to NO_PROXY, for this process and those that it starts.

    Requests to other hosts, of pip for example, still use the proxy.
    """
    upper, lower = (environment.get(name) for name in _EXEMPTIONS)
    for name, exempt in zip(_EXEMPTIONS, (upper or lower or "", lower or upper or ""), strict=True):
        if exempt.strip() != "*":  # every host is exempt
            hosts = [known for part in exempt.split(",") if (known := part.strip())]
            environment[name] = ",".join(dict.fromkeys([*hosts, *LOOPBACK, host]))


def exports(environment: Mapping[str, str] = os.environ) -> list[str]:
    """Return the export commands that exempt the same hosts in another shell; none without a proxy."""
    proxies = {name for name in environment if name.lower().endswith("_proxy")} - set(_EXEMPTIONS)
    return [f"export {name}={shlex.quote(environment[name])}" for name in _EXEMPTIONS] if proxies else []
