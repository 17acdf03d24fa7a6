"""For every test: what is served on the loopback address is reached without the machine's proxy."""

from embedded_aws.proxies import exempt_from_proxies

exempt_from_proxies("127.0.0.1")
