"""For every test: no proxy for the loopback address, the metrics' namespace of the template, models parsed once."""

import os
from functools import cache

from botocore.loaders import JSONFileLoader, Loader

from embedded_aws.proxies import exempt_from_proxies

exempt_from_proxies("127.0.0.1")
os.environ.setdefault("POWERTOOLS_METRICS_NAMESPACE", "Pomona")  # read when the functions' telemetry is imported


class _ModelFiles(JSONFileLoader):
    """The files of botocore's models, each parsed once in a process: most tests make sessions of their own."""

    load_file = staticmethod(cache(JSONFileLoader().load_file))


Loader.FILE_LOADER_CLASS = _ModelFiles
