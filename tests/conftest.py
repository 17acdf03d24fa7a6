"""For every test: no proxy for the loopback address, and the metrics' namespace that the template sets."""

import os

from embedded_aws.proxies import exempt_from_proxies

exempt_from_proxies("127.0.0.1")
os.environ.setdefault("POWERTOOLS_METRICS_NAMESPACE", "Pomona")  # read when the functions' telemetry is imported
